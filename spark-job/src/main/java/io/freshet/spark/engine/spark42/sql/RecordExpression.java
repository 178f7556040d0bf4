package io.freshet.spark.engine.spark42.sql;

import io.freshet.spark.engine.KafkaColumns;
import java.io.Serializable;
import java.util.Objects;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.Coalesce;
import org.apache.spark.sql.catalyst.expressions.Expression;
import org.apache.spark.sql.catalyst.expressions.Literal;
import org.apache.spark.sql.catalyst.expressions.codegen.CodegenContext;
import org.apache.spark.sql.catalyst.expressions.codegen.ExprCode;
import org.apache.spark.sql.catalyst.expressions.objects.Invoke;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.ObjectType;
import org.apache.spark.sql.types.StructType;
import scala.collection.Iterator;
import scala.collection.immutable.IndexedSeq;
import scala.collection.immutable.Seq;

/**
 * {@code freshet_parse} or {@code freshet_rejection} in a plan. Its children are the arguments: value (string or
 * binary), specification, key (binary), timestamp, topic (string) and headers; {@link RecordFunctions} has validated
 * them.
 */
final class RecordExpression extends Expression implements Serializable {
    private static final long serialVersionUID = 1L;
    private static final int KEY = 2;
    private static final int TIMESTAMP = 3;
    private static final int TOPIC = 4;
    private static final int HEADERS = 5;

    /** Which of the two functions. */
    enum Function {
        PARSE("freshet_parse", "parse", DataTypes.createArrayType(new StructType()
            .add("series", DataTypes.StringType, false)
            .add("metric", DataTypes.StringType, false)
            .add("time", DataTypes.TimestampType, false)
            .add("value", DataTypes.DoubleType, false), false)),
        REJECTION("freshet_rejection", "reject", new StructType()
            .add("reason", DataTypes.StringType, false)
            .add("detail", DataTypes.StringType, false));

        final String sqlName;
        private final String method;
        private final DataType result;

        Function(String sqlName, String method, DataType result) {
            this.sqlName = sqlName;
            this.method = method;
            this.result = result;
        }
    }

    private final Function function;
    private final String stream;
    private final Seq<Expression> arguments;
    private transient Invoke invocation;

    /**
     * @param stream the validated stream, as JSON
     * @param arguments two to six
     */
    RecordExpression(Function function, String stream, Seq<Expression> arguments) {
        this.function = function;
        this.stream = stream;
        this.arguments = arguments;
    }

    /** The call that does it, which Spark knows how to generate code for. */
    private synchronized Invoke invocation() {
        if (invocation == null) {
            Expression evaluator = new Literal(new RecordEvaluator(stream), new ObjectType(RecordEvaluator.class));
            Expression value = arguments.apply(0);
            Expression key = argument(KEY, DataTypes.BinaryType);
            // A primitive argument that is null would make the whole call null.
            Expression none = new Literal(RecordEvaluator.NO_TIMESTAMP, DataTypes.TimestampType);
            Expression timestamp = arguments.size() > TIMESTAMP
                ? new Coalesce(ScalaCollections.seq(arguments.apply(TIMESTAMP), none)) : none;
            invocation = new Invoke(evaluator, function.method, function.result,
                ScalaCollections.seq(value, key, timestamp, argument(TOPIC, DataTypes.StringType),
                    argument(HEADERS, KafkaColumns.HEADERS)), ScalaCollections.seq(), false, true, true);
        }
        return invocation;
    }

    /** An argument, or null where the call has none. */
    private Expression argument(int position, DataType type) {
        return arguments.size() > position ? arguments.apply(position) : new Literal(null, type);
    }

    @Override
    public Object eval(InternalRow row) {
        return invocation().eval(row);
    }

    @Override
    public ExprCode doGenCode(CodegenContext context, ExprCode code) {
        return invocation().doGenCode(context, code);
    }

    @Override
    public DataType dataType() {
        return function.result;
    }

    @Override
    public boolean nullable() {
        return true;
    }

    @Override
    public boolean foldable() {
        return arguments.forall(Expression::foldable);
    }

    @Override
    public Seq<Expression> children() {
        return arguments;
    }

    @Override
    public Expression withNewChildrenInternal(IndexedSeq<Expression> children) {
        return new RecordExpression(function, stream, children);
    }

    @Override
    public String prettyName() {
        return function.sqlName;
    }

    /** What an explained plan shows of it. */
    @Override
    @SuppressWarnings("unchecked")
    public Iterator<Object> flatArguments() {
        return (Iterator<Object>) (Iterator<?>) arguments.iterator();
    }

    @Override
    public int productArity() {
        return 3;
    }

    @Override
    public Object productElement(int index) {
        return switch (index) {
            case 0 -> function;
            case 1 -> stream;
            case 2 -> arguments;
            default -> throw new IndexOutOfBoundsException(index);
        };
    }

    @Override
    public boolean canEqual(Object other) {
        return other instanceof RecordExpression;
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof RecordExpression expression && expression.function == function
            && expression.stream.equals(stream) && expression.arguments.equals(arguments);
    }

    @Override
    public int hashCode() {
        return Objects.hash(function, stream, arguments);
    }
}
