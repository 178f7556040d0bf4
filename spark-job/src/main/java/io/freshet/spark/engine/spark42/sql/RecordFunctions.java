package io.freshet.spark.engine.spark42.sql;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.freshet.spark.engine.KafkaColumns;
import io.freshet.spark.nativelib.ConfigurationException;
import io.freshet.spark.nativelib.NativeContract;
import io.freshet.spark.nativelib.NativeRecordParser;
import java.util.ArrayList;
import java.util.List;
import org.apache.spark.sql.catalyst.expressions.Cast;
import org.apache.spark.sql.catalyst.expressions.Expression;
import org.apache.spark.sql.catalyst.expressions.Literal;
import org.apache.spark.sql.types.BinaryType;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.NullType;
import org.apache.spark.sql.types.StringType;
import org.apache.spark.sql.types.TimestampNTZType;
import org.apache.spark.sql.types.TimestampType;
import scala.Option;
import scala.collection.immutable.Seq;

/** Builds {@code freshet_parse} and {@code freshet_rejection}, and says what is wrong with their arguments. */
final class RecordFunctions {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final String EXAMPLE = "'series = [\"sensor\"], time = { field = \"at\", unit = \"ms\" }, "
        + "values = { t = \"temperature\" }'";
    private static final int LEAST_ARGUMENTS = 2;
    private static final int MOST_ARGUMENTS = 6;
    private static final int KEY = 2;
    private static final int TIMESTAMP = 3;
    private static final int TOPIC = 4;
    private static final int HEADERS = 5;

    private RecordFunctions() {}

    /**
     * The expression for a call.
     *
     * @throws org.apache.spark.sql.AnalysisException when the arguments or the specification are wrong
     */
    static Expression build(RecordExpression.Function function, Seq<Expression> arguments) {
        String name = function.sqlName;
        int count = arguments.size();
        if (count < LEAST_ARGUMENTS || count > MOST_ARGUMENTS) {
            throw AnalysisErrors.of(name + " takes a value, a stream specification, and if need be a key, a "
                + "timestamp, a topic and headers; there are " + count + " arguments");
        }
        String stream = readSpecification(name, arguments.apply(1));
        requireWhatTheStreamReads(name, stream, count);
        List<Expression> children = new ArrayList<>();
        children.add(text(name, "value", arguments.apply(0)));
        children.add(arguments.apply(1));
        if (count > KEY) {
            children.add(binary(name, arguments.apply(KEY)));
        }
        if (count > TIMESTAMP) {
            children.add(timestamp(name, arguments.apply(TIMESTAMP)));
        }
        if (count > TOPIC) {
            children.add(topic(name, arguments.apply(TOPIC)));
        }
        if (count > HEADERS) {
            children.add(headers(name, arguments.apply(HEADERS)));
        }
        return new RecordExpression(function, stream, ScalaCollections.of(children));
    }

    private static String readSpecification(String name, Expression argument) {
        boolean literal = argument.foldable() && argument.dataType() instanceof StringType;
        Object text = literal ? argument.eval(null) : null;
        if (text == null) {
            throw AnalysisErrors.of(name + ": the stream specification has to be a string literal, such as " + EXAMPLE);
        }
        try {
            return NativeRecordParser.readSpecification(text.toString(), false);
        } catch (ConfigurationException e) {
            throw AnalysisErrors.of(name + ": " + e.getMessage());
        }
    }

    /** A record without a key or a timestamp would be rejected, and so every record of this call. */
    private static void requireWhatTheStreamReads(String name, String json, int count) {
        JsonNode stream;
        try {
            stream = JSON.readTree(json);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("the native library's answer is not JSON", e);
        }
        JsonNode series = stream.get("series");
        if (series.isEmpty() && count <= KEY) {
            throw AnalysisErrors.of(name + ": the stream specification names no series, and there is no key to take "
                + "its place; add series = [\"...\"], or pass the record's key as third argument");
        }
        JsonNode defaults = stream.at("/series_rules/defaults");
        for (int part = 0; part < series.size(); part++) {
            if (!defaults.path(part).isTextual()) {
                requirePart(name, series.get(part).asText(), count);
            }
        }
        if (stream.get("time").isNull() && count <= TIMESTAMP) {
            throw AnalysisErrors.of(name + ": the stream specification names no time, and there is no timestamp to "
                + "take its place; add time = { field = \"...\", unit = \"ms\" }, or pass the record's timestamp as "
                + "fourth argument");
        }
    }

    /** A part of the series that stands beside the value has to be passed. */
    private static void requirePart(String name, String part, int count) {
        NativeContract.SeriesParts beside = NativeContract.get().seriesParts();
        String missing = null;
        if (part.equals(beside.key()) && count <= KEY) {
            missing = "the record's key is a part of the series, " + part + ", and there is none; pass it as third";
        } else if (part.equals(beside.topic()) && count <= TOPIC) {
            missing = "the record's topic is a part of the series, " + part + ", and there is none; pass it as fifth";
        } else if (part.startsWith(beside.header()) && count <= HEADERS) {
            missing = "a header of the record is a part of the series, " + part + ", and there are none; pass them, "
                + "the column 'headers' of Spark's Kafka source, as sixth";
        }
        if (missing != null) {
            throw AnalysisErrors.of(name + ": " + missing + " argument");
        }
    }

    private static Expression topic(String name, Expression argument) {
        DataType type = argument.dataType();
        return orNull(argument, type instanceof StringType, DataTypes.StringType,
            name + ": the topic has to be STRING, and is " + type.sql());
    }

    private static Expression headers(String name, Expression argument) {
        DataType type = argument.dataType();
        DataType wanted = KafkaColumns.HEADERS;
        // Whether something may be null, and what the fields are called, is of no matter.
        return orNull(argument, DataType.equalsStructurally(type, wanted, true), wanted, name
            + ": the headers have to be " + wanted.sql()
            + ", the column of Spark's Kafka source with its option includeHeaders, and are " + type.sql());
    }

    private static Expression text(String name, String what, Expression argument) {
        DataType type = argument.dataType();
        return orNull(argument, type instanceof StringType || type instanceof BinaryType, DataTypes.BinaryType,
            name + ": the " + what + " has to be STRING or BINARY, and is " + type.sql());
    }

    private static Expression binary(String name, Expression argument) {
        Expression key = text(name, "key", argument);
        return key.dataType() instanceof BinaryType ? key : new Cast(key, DataTypes.BinaryType, Option.empty());
    }

    private static Expression timestamp(String name, Expression argument) {
        DataType type = argument.dataType();
        String advice = type instanceof TimestampNTZType ? "; say CAST(... AS TIMESTAMP)" : "";
        return orNull(argument, type instanceof TimestampType, DataTypes.TimestampType,
            name + ": the timestamp has to be TIMESTAMP, and is " + type.sql() + advice);
    }

    /** An argument of a type that fits, or null of the wanted type in place of an untyped one. */
    private static Expression orNull(Expression argument, boolean fits, DataType wanted, String complaint) {
        if (fits) {
            return argument;
        }
        if (argument.dataType() instanceof NullType) {
            return new Literal(null, wanted);
        }
        throw AnalysisErrors.of(complaint);
    }
}
