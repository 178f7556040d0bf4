package io.freshet.spark.engine.spark42.plan;

import java.io.Serializable;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.spark.sql.catalyst.expressions.Attribute;
import scala.Product;
import scala.collection.immutable.Seq;

/**
 * What a {@link Step} has in the logical plan and in the physical one, as its product elements. Spark's rules copy a
 * plan by its constructor and product elements, which must therefore be the same list, and they find the attributes to
 * rewrite only in direct elements.
 *
 * @param <P> the kind of plan
 */
interface StepPlan<P> extends Product {
    /**
     * The product elements, in their order.
     *
     * @param child whose rows the step takes
     * @param input the columns that it reads of them
     * @param output the columns that it makes
     * @param source a shorter way to the rows of the child
     */
    record Parts<P>(
        P child, Seq<Attribute> input, PartitionStep step, Seq<Attribute> output, DirectSource source)
        implements Serializable {}

    /** What the plan holds. */
    Parts<P> parts();

    /**
     * What follows the name of the step where the plan is shown: its details, and the columns that it reads.
     *
     * @param more details of the plan itself; empty for none
     */
    default String shown(String more) {
        String input = "input=" + parts().input().mkString("[", ", ", "]");
        return Stream.of(parts().step().planDetails(), more, input).filter(text -> !text.isEmpty())
            .collect(Collectors.joining(", "));
    }

    @Override
    default int productArity() {
        return 5;
    }

    @Override
    default Object productElement(int position) {
        return switch (position) {
            case 0 -> parts().child();
            case 1 -> parts().input();
            case 2 -> parts().step();
            case 3 -> parts().output();
            case 4 -> parts().source();
            default -> throw new IndexOutOfBoundsException(position);
        };
    }

    @Override
    default boolean canEqual(Object other) {
        return getClass().isInstance(other);
    }
}
