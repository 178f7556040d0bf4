/** What tests share: a broker, a local Spark, other Java machines, seeded records, and waiting for conditions. */
package io.freshet.spark.testing;
