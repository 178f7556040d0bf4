package io.freshet.spark;

import io.freshet.spark.engine.SparkEngine;
import org.apache.spark.sql.SparkSessionExtensions;
import scala.runtime.AbstractFunction1;
import scala.runtime.BoxedUnit;

/**
 * Brings {@code freshet_parse}, {@code freshet_rejection} and {@code freshet_stats} to Spark SQL, and lets every
 * session run queries with windows of {@link Freshet}, whichever session made them: set
 * {@code spark.sql.extensions=io.freshet.spark.FreshetExtensions}. {@link FreshetPlugin} sets it by itself.
 */
public final class FreshetExtensions extends AbstractFunction1<SparkSessionExtensions, BoxedUnit> {
    /** Called by Spark, by reflection, for every new session. */
    public FreshetExtensions() {}

    @Override
    public BoxedUnit apply(SparkSessionExtensions extensions) {
        SparkEngine.current().extend(extensions);
        return BoxedUnit.UNIT;
    }
}
