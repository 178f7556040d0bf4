package io.freshet.spark.engine.spark42.sql;

import java.util.function.Function;
import org.apache.spark.sql.SparkSessionExtensions;
import org.apache.spark.sql.catalyst.FunctionIdentifier;
import org.apache.spark.sql.catalyst.expressions.Expression;
import org.apache.spark.sql.catalyst.expressions.ExpressionInfo;
import scala.Tuple3;
import scala.collection.immutable.Seq;
import scala.runtime.AbstractFunction1;

/** The SQL functions by name. */
public final class FreshetFunctions {
    private static final String PARSE_USAGE = """
        _FUNC_(value, specification[, key[, timestamp]]) - the readings in a record as an array of series, metric, \
        time and value; NULL when the record is rejected. The specification is the text of a [[stream]] table.""";
    private static final String REJECTION_USAGE = """
        _FUNC_(value, specification[, key[, timestamp]]) - why freshet_parse rejects a record: reason and detail; NULL \
        when it does not.""";
    private static final String STATS_USAGE = """
        _FUNC_(value[, time]) - the statistics that windows have, of numbers and, with their times (TIMESTAMP), those \
        that take them: see docs/windows.md. What no window counts does not count here: see docs/spark.md.""";

    private FreshetFunctions() {}

    /** Registers all of them. */
    public static void register(SparkSessionExtensions extensions) {
        inject(extensions, RecordExpression.Function.PARSE.sqlName, RecordExpression.class, PARSE_USAGE,
            arguments -> RecordFunctions.build(RecordExpression.Function.PARSE, arguments));
        inject(extensions, RecordExpression.Function.REJECTION.sqlName, RecordExpression.class, REJECTION_USAGE,
            arguments -> RecordFunctions.build(RecordExpression.Function.REJECTION, arguments));
        inject(extensions, StatsAggregate.NAME, StatsAggregate.class, STATS_USAGE, StatsAggregate::build);
    }

    private static void inject(
        SparkSessionExtensions extensions,
        String name,
        Class<?> expression,
        String usage,
        Function<Seq<Expression>, Expression> build) {
        // What DESCRIBE FUNCTION shows: class, database, name, usage, and what is left out here.
        ExpressionInfo info = new ExpressionInfo(expression.getName(), null, name, usage, "", "", "", "", "", "", "");
        extensions.injectFunction(new Tuple3<>(new FunctionIdentifier(name), info,
            new AbstractFunction1<Seq<Expression>, Expression>() {
                @Override
                public Expression apply(Seq<Expression> arguments) {
                    return build.apply(arguments);
                }
            }));
    }
}
