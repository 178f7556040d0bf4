package io.freshet.spark.engine.spark42.sql;

import org.apache.spark.QueryContext;
import org.apache.spark.sql.AnalysisException;
import scala.Option;

/** Errors that a user of SQL gets before a query runs. */
final class AnalysisErrors {
    private AnalysisErrors() {}

    /** Throws Spark's own exception, which is checked in Java and passes through Scala's functions all the same. */
    static RuntimeException of(String message) {
        return thrown(new AnalysisException(message, Option.empty(), Option.empty(), Option.empty(), Option.empty(),
            scala.collection.immutable.Map$.MODULE$.empty(), new QueryContext[0]));
    }

    @SuppressWarnings("unchecked")
    private static <E extends Throwable> RuntimeException thrown(Throwable error) throws E {
        throw (E) error;
    }
}
