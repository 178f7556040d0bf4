package io.freshet.spark.engine.spark42.sql;

import java.util.List;
import scala.collection.immutable.Seq;
import scala.jdk.javaapi.CollectionConverters;

/** Scala's collections, from Java. */
final class ScalaCollections {
    private ScalaCollections() {}

    /** A sequence of these items. */
    @SafeVarargs
    @SuppressWarnings("varargs")
    static <T> Seq<T> seq(T... items) {
        return of(List.of(items));
    }

    /** A sequence of these items. */
    static <T> Seq<T> of(List<T> items) {
        return CollectionConverters.asScala(items).toSeq();
    }
}
