package io.freshet.spark.job;

import io.freshet.spark.configuration.PipelineConfiguration;
import io.freshet.spark.kafka.KafkaTopics;
import io.freshet.spark.nativelib.ConfigurationException;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.config.ConfigException;
import org.apache.kafka.common.errors.AuthenticationException;
import org.apache.kafka.common.errors.AuthorizationException;
import org.apache.kafka.common.errors.InvalidConfigurationException;
import org.apache.kafka.common.errors.InvalidTopicException;
import org.apache.kafka.common.errors.PolicyViolationException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The topics at the start of the job: it waits for Kafka as long as Kafka is away, and gives up at once when Kafka says
 * that something is wrong which no waiting mends.
 */
public final class KafkaStart {
    private static final Logger LOGGER = LoggerFactory.getLogger(KafkaStart.class);
    private static final Duration FIRST = Duration.ofSeconds(1);
    private static final Duration SLOWEST = Duration.ofSeconds(15);
    private static final Duration LOOK = Duration.ofMillis(100);
    /** Of the first attempt, so that the log soon says what is waited for. A slow cluster gets more each time. */
    private static final Duration PATIENCE = Duration.ofSeconds(5);
    /** As long as Kafka's own clients wait. */
    private static final Duration LONGEST_PATIENCE = Duration.ofMinutes(1);
    /** What Kafka refuses for good. */
    private static final Set<Class<? extends KafkaException>> PERMANENT = Set.of(AuthenticationException.class,
        AuthorizationException.class, InvalidConfigurationException.class, InvalidTopicException.class,
        PolicyViolationException.class);

    private final PipelineConfiguration configuration;
    private final JobEnd end;

    /** @param end what ends the wait */
    public KafkaStart(PipelineConfiguration configuration, JobEnd end) {
        this.configuration = configuration;
        this.end = end;
    }

    /**
     * Creates the topics that are missing, as soon as Kafka lets it.
     *
     * @return whether they are there; if not, the job was told to end
     * @throws ConfigurationException when Kafka says that something is wrong, or its client does
     * @throws ExecutionException when the job has to end for another reason
     */
    public boolean createTopics() throws InterruptedException, ExecutionException {
        Backoff backoff = new Backoff(FIRST, SLOWEST);
        for (int attempts = 1;; attempts++) {
            Duration patience = patience(attempts);
            FutureTask<Void> attempt = new FutureTask<>(() -> {
                KafkaTopics.createMissing(configuration.kafka(), configuration.topics(), patience);
                return null;
            });
            if (!awaitsEndOf(attempt)) {
                return false;
            }
            try {
                attempt.get();
                if (attempts > 1) {
                    LOGGER.info("Kafka at {} is there", address());
                }
                return true;
            } catch (ExecutionException e) {
                Duration delay = backoff.next();
                LOGGER.warn("the job waits for Kafka at {} to have its topics; it asks again in {} ms: {}", address(),
                    delay.toMillis(), description(e.getCause()));
                if (end.await(delay)) {
                    return false;
                }
            }
        }
    }

    private static Duration patience(int attempts) {
        Duration patience = PATIENCE.multipliedBy(attempts);
        return patience.compareTo(LONGEST_PATIENCE) < 0 ? patience : LONGEST_PATIENCE;
    }

    /** In a thread of its own: an answer may take as long as Kafka is given for it, and an end must not. */
    private boolean awaitsEndOf(FutureTask<Void> attempt) throws InterruptedException, ExecutionException {
        Thread thread = new Thread(attempt, "freshet-topics");
        thread.setDaemon(true);
        thread.start();
        try {
            while (true) {
                try {
                    attempt.get(LOOK.toMillis(), TimeUnit.MILLISECONDS);
                    return true;
                } catch (ExecutionException e) {
                    return true;
                } catch (TimeoutException e) {
                    if (end.await(Duration.ZERO)) {
                        return false;
                    }
                }
            }
        } finally {
            attempt.cancel(true);
        }
    }

    private String address() {
        return configuration.kafka().get("bootstrap.servers");
    }

    /** What is waited for, if waiting helps. */
    private String description(Throwable failure) {
        Throwable said = failure instanceof ExecutionException ? failure.getCause() : failure;
        QueryFailure described = QueryFailure.of(said, configuration.spark().checkpointLocation(),
            configuration.secrets());
        if (isPermanent(said)) {
            throw new ConfigurationException("Kafka at " + address() + " cannot be used: " + described.description());
        }
        return described.description();
    }

    private static boolean isPermanent(Throwable said) {
        for (Throwable cause = said; cause != null; cause = cause.getCause()) {
            Throwable one = cause;
            if (PERMANENT.stream().anyMatch(kind -> kind.isInstance(one)) || isWrongSetting(cause)) {
                return true;
            }
        }
        return false;
    }

    /** A host without an address is one whose machine or service is not there yet. */
    private static boolean isWrongSetting(Throwable cause) {
        return cause instanceof ConfigException && !cause.getMessage().contains("No resolvable bootstrap urls");
    }
}
