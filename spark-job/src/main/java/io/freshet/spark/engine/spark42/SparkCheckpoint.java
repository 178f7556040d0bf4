package io.freshet.spark.engine.spark42;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.freshet.spark.engine.Checkpoint;
import io.freshet.spark.engine.KafkaOffsets;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import org.apache.hadoop.fs.Path;
import org.apache.kafka.common.TopicPartition;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.connector.read.streaming.Offset;
import org.apache.spark.sql.execution.streaming.checkpointing.CheckpointFileManager;
import org.apache.spark.sql.execution.streaming.checkpointing.CommitLog;
import org.apache.spark.sql.execution.streaming.checkpointing.HDFSMetadataLog;
import org.apache.spark.sql.execution.streaming.checkpointing.OffsetSeq;
import org.apache.spark.sql.execution.streaming.checkpointing.OffsetSeqBase;
import org.apache.spark.sql.execution.streaming.checkpointing.OffsetSeqLog;
import org.apache.spark.sql.execution.streaming.checkpointing.OffsetSeqMetadataBase;
import org.apache.spark.sql.execution.streaming.runtime.SerializedOffset;
import scala.Option;
import scala.jdk.javaapi.CollectionConverters;
import scala.jdk.javaapi.OptionConverters;

/** A checkpoint as Spark 4.2 lays it out, read and written by Spark's own classes. */
final class SparkCheckpoint implements Checkpoint {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final long NONE = -1;
    private static final String PARTITIONS = "spark.sql.shuffle.partitions";

    private final SparkSession session;
    private final Path folder;
    private final CheckpointFileManager files;

    /** @param location a folder, or the URI of one; it need not exist */
    SparkCheckpoint(SparkSession session, String location) {
        this.session = session;
        folder = new Path(location);
        files = CheckpointFileManager.create(folder, session.sessionState().newHadoopConf());
    }

    @Override
    public boolean isUsed() {
        return latestPlanned() != NONE;
    }

    @Override
    public boolean hasOpenBatch() {
        return latestPlanned() > latestCommitted();
    }

    @Override
    public long watermarkMillis() {
        return entry(latestPlanned())
            .flatMap(entry -> OptionConverters.toJava(entry.metadataOpt()))
            .map(OffsetSeqMetadataBase::batchWatermarkMs).orElse(0L);
    }

    @Override
    public Map<TopicPartition, Long> readOffsets() {
        return offsets(latestCommitted());
    }

    @Override
    public Optional<String> firstOffsets() {
        // A byte for old versions of Spark, the version of the format, and the offsets.
        return readFile("sources/0/0").map(text -> text.substring(text.indexOf('{')));
    }

    @Override
    public OptionalInt statePartitions() {
        return entry(latestPlanned())
            .flatMap(entry -> OptionConverters.toJava(entry.metadataOpt()))
            .flatMap(metadata -> OptionConverters.toJava(metadata.conf().get(PARTITIONS)))
            .map(number -> OptionalInt.of(Integer.parseInt(number))).orElse(OptionalInt.empty());
    }

    @Override
    public void readFrom(Map<TopicPartition, Long> offsets) {
        long committed = latestCommitted();
        if (committed == NONE && latestPlanned() > 0) {
            throw new IllegalStateException(
                "the checkpoint " + folder + " has lost its commits; start from a new checkpoint location");
        }
        OffsetSeqLog log = offsetLog();
        log.purgeAfter(committed);
        if (committed == NONE) {
            forgetFirstBatch();
            return;
        }
        OffsetSeqBase before = entry(committed).orElseThrow();
        if (!(before instanceof OffsetSeq planned) || planned.offsets().size() != 1) {
            throw new IllegalStateException("the offsets in the checkpoint " + folder + " are not those of one source, "
                + "written by this version of Spark; start from a new checkpoint location");
        }
        OffsetSeq begin = new OffsetSeq(
            CollectionConverters.asScala(List.of(Option.apply(offset(offsets)))).toSeq(),
            planned.metadataOpt());
        replace(new Path(folder, "offsets/" + committed), out -> log.serialize(begin, out));
    }

    /** Where it begins is written down by the source itself, and Spark takes no state that was there before it. */
    private void forgetFirstBatch() {
        files.delete(new Path(folder, "sources"));
        files.delete(new Path(folder, "state"));
    }

    private static Offset offset(Map<TopicPartition, Long> offsets) {
        ObjectNode byTopic = JSON.createObjectNode();
        offsets.forEach((partition, offset) ->
            byTopic.withObjectProperty(partition.topic()).put(Integer.toString(partition.partition()), offset));
        return new SerializedOffset(byTopic.toString());
    }

    @Override
    public Optional<String> readFile(String name) {
        Path path = new Path(folder, name);
        if (!files.exists(path)) {
            return Optional.empty();
        }
        try (var in = files.open(path)) {
            return Optional.of(new String(in.readAllBytes(), UTF_8));
        } catch (IOException e) {
            throw new UncheckedIOException("file " + path + " of the checkpoint cannot be read", e);
        }
    }

    @Override
    public void writeFile(String name, String text) {
        Path path = new Path(folder, name);
        files.mkdirs(path.getParent());
        replace(path, out -> out.write(text.getBytes(UTF_8)));
    }

    private void replace(Path path, Content content) {
        try {
            var out = files.createAtomic(path, true);
            try {
                content.writeTo(out);
            } catch (IOException | RuntimeException e) {
                out.cancel();
                throw e;
            }
            out.close();
        } catch (IOException e) {
            throw new UncheckedIOException("file " + path + " of the checkpoint cannot be written", e);
        }
    }

    /** What is written into a file. */
    @FunctionalInterface
    private interface Content {
        void writeTo(OutputStream out) throws IOException;
    }

    private Map<TopicPartition, Long> offsets(long batch) {
        Map<TopicPartition, Long> byPartition = new HashMap<>();
        entry(batch).ifPresent(entry -> CollectionConverters.asJava(entry.offsets()).forEach(offset -> {
            if (offset.isDefined()) {
                byPartition.putAll(KafkaOffsets.parse(offset.get().json()));
            }
        }));
        return byPartition;
    }

    private Optional<OffsetSeqBase> entry(long batch) {
        return batch == NONE ? Optional.empty() : OptionConverters.toJava(offsetLog().get(batch));
    }

    private long latestPlanned() {
        return latest(offsetLog());
    }

    /** A commit without its offsets, as a crash may leave it, does not say where to read on. */
    private long latestCommitted() {
        CommitLog commits = new CommitLog(session, new Path(folder, "commits").toString(), false);
        return Math.min(latest(commits), latestPlanned());
    }

    private OffsetSeqLog offsetLog() {
        return new OffsetSeqLog(session, new Path(folder, "offsets").toString(), false);
    }

    private static long latest(HDFSMetadataLog<?> log) {
        return OptionConverters.toJava(log.getLatestBatchId()).map(batch -> (Long) batch).orElse(NONE);
    }
}
