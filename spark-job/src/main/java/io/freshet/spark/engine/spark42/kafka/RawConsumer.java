package io.freshet.spark.engine.spark42.kafka;

import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.apache.kafka.clients.ApiVersions;
import org.apache.kafka.clients.ClientResponse;
import org.apache.kafka.clients.ClientUtils;
import org.apache.kafka.clients.CommonClientConfigs;
import org.apache.kafka.clients.FetchSessionHandler.FetchRequestData;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.internals.ConsumerMetadata;
import org.apache.kafka.clients.consumer.internals.ConsumerNetworkClient;
import org.apache.kafka.clients.consumer.internals.ConsumerUtils;
import org.apache.kafka.clients.consumer.internals.FetchConfig;
import org.apache.kafka.clients.consumer.internals.FetchMetricsManager;
import org.apache.kafka.clients.consumer.internals.Fetcher;
import org.apache.kafka.clients.consumer.internals.OffsetFetcher;
import org.apache.kafka.clients.consumer.internals.SubscriptionState;
import org.apache.kafka.clients.consumer.internals.SubscriptionState.FetchPosition;
import org.apache.kafka.common.IsolationLevel;
import org.apache.kafka.common.Node;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.internals.ClusterResourceListeners;
import org.apache.kafka.common.message.FetchResponseData.AbortedTransaction;
import org.apache.kafka.common.message.FetchResponseData.PartitionData;
import org.apache.kafka.common.metrics.Metrics;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.record.MemoryRecords;
import org.apache.kafka.common.record.RecordBatch;
import org.apache.kafka.common.requests.FetchResponse;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.utils.LogContext;
import org.apache.kafka.common.utils.Time;
import org.apache.kafka.common.utils.Timer;
import org.apache.kafka.common.utils.Utils;

/**
 * Reads the record batches of a partition as the broker sends them: {@code KafkaConsumer} makes objects of every record
 * only for the native library to take them apart again.
 *
 * <p>All else is Kafka's own code, put together as its consumer does it ({@code ClassicKafkaConsumer}): connections and
 * who may use them, metadata, leaders, fetch sessions, errors. Before its fetcher sees an answer, the batches are taken
 * out of it. These classes are public and yet not promised: they have to be as in the version that the jar is built
 * for, or {@link Linkage} finds it out and records are read one by one.
 */
final class RawConsumer implements PartitionConsumer {
    /** What Spark sets where the user sets nothing; the operating system does better by itself. */
    private static final int SPARKS_RECEIVE_BUFFER = 65_536;
    private static final Duration CLOSE_TIMEOUT = Duration.ZERO;

    private final TopicPartition partition;
    private final boolean keepsRest;
    private final Time time = Time.SYSTEM;
    private final boolean committedOnly;
    private final long retryMillis;
    private final Metrics metrics;
    private final SubscriptionState subscriptions;
    private final ConsumerMetadata metadata;
    private final ConsumerNetworkClient client;
    private final BatchFetcher fetcher;
    private final OffsetFetcher offsets;
    private FetchedBatches batches = new FetchedBatches(0, List.of(), null, false);

    /**
     * @param ofSpark properties as Spark's source gives them to its tasks
     * @param keepsRest whether what came and was not taken may be kept for who reads on from there: only where the
     *     topic is known to be the same
     */
    RawConsumer(Map<String, Object> ofSpark, TopicPartition partition, boolean keepsRest) {
        this.partition = partition;
        this.keepsRest = keepsRest;
        ConsumerConfig config = new ConsumerConfig(properties(ofSpark));
        LogContext log = new LogContext(
            "[Raw consumer clientId=" + config.getString(ConsumerConfig.CLIENT_ID_CONFIG) + "] ");
        FetchConfig fetch = new FetchConfig(config);
        committedOnly = fetch.isolationLevel == IsolationLevel.READ_COMMITTED;
        retryMillis = config.getLong(CommonClientConfigs.RETRY_BACKOFF_MS_CONFIG);
        metrics = ConsumerUtils.createMetrics(config, time);
        subscriptions = ConsumerUtils.createSubscriptionState(config, log);
        metadata = new ConsumerMetadata(config, subscriptions, log, new ClusterResourceListeners());
        metadata.bootstrap(ClientUtils.parseAndValidateAddresses(config));
        FetchMetricsManager fetchMetrics = ConsumerUtils.createFetchMetricsManager(metrics);
        ApiVersions versions = new ApiVersions();
        client = ConsumerUtils.createConsumerNetworkClient(config, metrics, log, versions, time, metadata,
            fetchMetrics.throttleTimeSensor(), retryMillis, null);
        fetcher = new BatchFetcher(log, fetch, fetchMetrics, versions);
        offsets = new OffsetFetcher(log, client, metadata, subscriptions, time, retryMillis,
            config.getInt(CommonClientConfigs.REQUEST_TIMEOUT_MS_CONFIG), fetch.isolationLevel, versions);
        subscriptions.assignFromUser(Set.of(partition));
    }

    private static Map<String, Object> properties(Map<String, Object> ofSpark) {
        Map<String, Object> properties = new HashMap<>(ofSpark);
        properties.put(ConsumerConfig.KEY_DESERIALIZER_CLASS_CONFIG, ByteArrayDeserializer.class);
        properties.put(ConsumerConfig.VALUE_DESERIALIZER_CLASS_CONFIG, ByteArrayDeserializer.class);
        properties.computeIfPresent(ConsumerConfig.RECEIVE_BUFFER_CONFIG,
            (name, value) -> value.toString().equals("" + SPARKS_RECEIVE_BUFFER) ? -1 : value);
        return properties;
    }

    @Override
    public void seek(long offset) {
        if (offset < 0) {
            throw new IllegalArgumentException("there is no offset " + offset);
        }
        FetchPosition position = subscriptions.position(partition);
        boolean goesOn = keepsRest && position != null && batches.nextOffset() <= offset && offset <= position.offset;
        if (!goesOn) {
            batches = new FetchedBatches(offset, List.of(), null, false);
            subscriptions.seekUnvalidated(partition, position(offset, Optional.empty()));
        }
    }

    private FetchPosition position(long offset, Optional<Integer> epoch) {
        return new FetchPosition(offset, epoch, metadata.currentLeader(partition));
    }

    /** The batches that have come and were not taken yet. */
    FetchedBatches batches() {
        return batches;
    }

    @Override
    public void poll(Duration longest) {
        Timer timer = time.timer(longest);
        do {
            offsets.validatePositionsIfNeeded();
            fetcher.collectFetch(); // says what went wrong
            if (takeAnswer()) {
                return;
            }
            send();
            client.poll(time.timer(Math.min(timer.remainingMs(), longestWait())), () -> !fetcher.hasAvailableFetches());
            timer.update();
        } while (timer.notExpired());
    }

    /** Without a position that can be asked for, it is looked again soon. */
    private long longestWait() {
        return subscriptions.hasAllFetchPositions() ? Long.MAX_VALUE : retryMillis;
    }

    private void send() {
        offsets.validatePositionsOnMetadataChange();
        if (fetcher.sendFetches() > 0 || client.hasPendingRequests()) {
            client.transmitSends();
        }
    }

    /** Takes the answer to what was asked last, if it is there, and asks for what comes behind it. */
    private boolean takeAnswer() {
        Answer answer = fetcher.answer;
        fetcher.answer = null;
        // An answer to what was asked before the last seek is none.
        if (answer == null || answer.offset() != position()) {
            return false;
        }
        batches = new FetchedBatches(answer.offset(), answer.records().batches(), answer.aborted(), committedOnly);
        RecordBatch last = null;
        for (RecordBatch batch : answer.records().batches()) {
            last = batch;
        }
        if (last != null) {
            int epoch = last.partitionLeaderEpoch();
            subscriptions.position(partition, position(last.nextOffset(),
                epoch == RecordBatch.NO_PARTITION_LEADER_EPOCH ? Optional.empty() : Optional.of(epoch)));
            send();
        }
        return last != null;
    }

    @Override
    public long position() {
        return subscriptions.position(partition).offset;
    }

    @Override
    public long oldest(Duration longest) {
        return offsets.beginningOffsets(List.of(partition), time.timer(longest)).get(partition);
    }

    @Override
    public long latest(Duration longest) {
        return offsets.endOffsets(List.of(partition), time.timer(longest)).get(partition);
    }

    @Override
    public void close() {
        Utils.closeQuietly(() -> fetcher.close(time.timer(CLOSE_TIMEOUT)), "fetcher");
        Utils.closeQuietly(client, "client");
        Utils.closeQuietly(metrics, "metrics");
    }

    /**
     * What a broker has answered.
     *
     * @param offset from which on it was asked
     * @param aborted transactions that were aborted; null for none
     */
    private record Answer(long offset, MemoryRecords records, List<AbortedTransaction> aborted) {}

    /** Takes the batches out of the answers. */
    private final class BatchFetcher extends Fetcher<byte[], byte[]> {
        private Answer answer;

        BatchFetcher(LogContext log, FetchConfig config, FetchMetricsManager metrics, ApiVersions versions) {
            // There is nothing to deserialize: no record is left in the answers. How the one argument would be made is
            // what the constructors of 3.9 and 4.2 do not have in common.
            super(log, client, RawConsumer.this.metadata, RawConsumer.this.subscriptions, config, null, metrics,
                RawConsumer.this.time, versions);
        }

        @Override
        protected void handleFetchSuccess(Node node, FetchRequestData request, ClientResponse response) {
            FetchResponse fetched = (FetchResponse) response.responseBody();
            // There is one partition: what a session has to say of it, or nothing.
            for (var topic : fetched.data().responses()) {
                topic.partitions().forEach(data -> take(request, data));
            }
            super.handleFetchSuccess(node, request, response);
        }

        private void take(FetchRequestData request, PartitionData data) {
            var asked = request.sessionPartitions().get(partition);
            if (asked != null && data.errorCode() == Errors.NONE.code()
                && data.records() instanceof MemoryRecords records) {
                answer = new Answer(asked.fetchOffset, records, data.abortedTransactions());
                data.setRecords(MemoryRecords.EMPTY);
            }
        }
    }
}
