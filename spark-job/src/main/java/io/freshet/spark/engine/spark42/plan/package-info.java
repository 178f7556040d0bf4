/** Steps of a query that take a task's rows in Spark's own format, in the logical plan and in the physical one. */
package io.freshet.spark.engine.spark42.plan;
