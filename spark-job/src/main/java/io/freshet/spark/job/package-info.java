/**
 * The room of the job: one streaming query per stream, from its raw topic to its windows topic, its checkpoint, and the
 * supervision that keeps it running.
 *
 * <p>May depend on all rooms, but not on the public interface.
 */
package io.freshet.spark.job;
