/** Freshet's functions for Spark SQL: {@code freshet_parse}, {@code freshet_rejection} and {@code freshet_stats}. */
package io.freshet.spark.engine.spark42.sql;
