package io.freshet.spark.engine.spark42.plan;

import java.util.ArrayList;
import java.util.List;
import org.apache.spark.sql.SparkSessionExtensions;
import org.apache.spark.sql.catalyst.plans.logical.LogicalPlan;
import org.apache.spark.sql.classic.SparkSession;
import org.apache.spark.sql.execution.SparkPlan;
import org.apache.spark.sql.execution.SparkStrategy;
import scala.collection.immutable.Seq;
import scala.jdk.javaapi.CollectionConverters;
import scala.runtime.AbstractFunction1;

/** Tells Spark's planner how to run a {@link Step}. */
public final class StepStrategy extends SparkStrategy {
    @Override
    public Seq<SparkPlan> apply(LogicalPlan plan) {
        List<SparkPlan> plans = plan instanceof Step step
            ? List.of(step.plan(planLater(step.parts().child()))) : List.of();
        return CollectionConverters.asScala(plans).toSeq();
    }

    /** Puts the strategy into every session that is made with these extensions. */
    public static void register(SparkSessionExtensions extensions) {
        extensions.injectPlannerStrategy(new AbstractFunction1<org.apache.spark.sql.SparkSession, SparkStrategy>() {
            @Override
            public SparkStrategy apply(org.apache.spark.sql.SparkSession session) {
                return new StepStrategy();
            }
        });
    }

    /** Puts the strategy into a session that was made without, once. */
    static void addTo(SparkSession session) {
        synchronized (session) {
            List<SparkStrategy> strategies =
                new ArrayList<>(CollectionConverters.asJava(session.experimental().extraStrategies()));
            if (strategies.stream().noneMatch(StepStrategy.class::isInstance)) {
                strategies.add(new StepStrategy());
                session.experimental().extraStrategies_$eq(CollectionConverters.asScala(strategies).toSeq());
            }
        }
    }
}
