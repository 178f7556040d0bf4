package io.freshet.spark.job;

import io.freshet.spark.kafka.TopicAdmin;
import java.time.Duration;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;

/** The names of a stream's topics: those that it names, and those that are found where a star stands in a name. */
final class TopicNames {
    private static final String STAR = "*";

    private final Map<String, String> kafka;
    private final List<String> patterns;
    private final List<Pattern> expressions;

    /**
     * @param kafka properties of a Kafka client
     * @param patterns names, in which a star stands for any characters, also none
     */
    TopicNames(Map<String, String> kafka, List<String> patterns) {
        this.kafka = kafka;
        this.patterns = patterns;
        expressions = patterns.stream().filter(TopicNames::isPattern).map(TopicNames::expression).toList();
    }

    static boolean isPattern(String name) {
        return name.contains(STAR);
    }

    private static Pattern expression(String pattern) {
        return Pattern.compile(Arrays.stream(pattern.split(Pattern.quote(STAR), -1)).map(Pattern::quote)
            .collect(Collectors.joining(".*")));
    }

    /** Whether a name is meant by a pattern. */
    boolean isFound(String name) {
        return expressions.stream().anyMatch(expression -> expression.matcher(name).matches());
    }

    /**
     * The topics that there should be: those that are named in any case, and those that are found.
     *
     * @param known those that were read so far. A list of all topics may lack one for a while, or hide it: one that was
     *     found once is gone only when Kafka says so of it
     * @throws KafkaException when there is none, or Kafka does not tell
     */
    List<String> find(Collection<String> known, Duration patience) {
        if (expressions.isEmpty()) {
            return patterns;
        }
        Set<String> listed = TopicAdmin.names(kafka, patience);
        List<String> unlisted = known.stream().filter(name -> !listed.contains(name)).toList();
        Stream<String> hidden = TopicAdmin.describe(kafka, unlisted, patience).stream()
            .filter(answer -> !(answer.failure() instanceof UnknownTopicOrPartitionException))
            .map(TopicAdmin.Answer::topic);
        Stream<String> named = patterns.stream().filter(name -> !isPattern(name));
        Stream<String> found = Stream.concat(listed.stream(), hidden).filter(this::isFound).sorted();
        List<String> names = Stream.concat(named, found).distinct().toList();
        if (names.isEmpty()) {
            throw new UnknownTopicOrPartitionException("there is no topic " + this);
        }
        return names;
    }

    /** For people. */
    @Override
    public String toString() {
        return String.join(", ", patterns);
    }
}
