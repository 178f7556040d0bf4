/**
 * A shorter way from Kafka to the native step. Spark's own source plans every micro-batch, keeps the offsets and
 * reports the progress; only the reading of the planned offsets is done here, without its row of objects per record and
 * without its request to the broker every few hundred records.
 */
package io.freshet.spark.engine.spark42.kafka;
