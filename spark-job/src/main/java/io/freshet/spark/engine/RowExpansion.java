package io.freshet.spark.engine;

import java.io.Serializable;
import java.util.Iterator;

/** Makes any number of rows of each; called in tasks. */
@FunctionalInterface
public interface RowExpansion extends Serializable, Explained {
    /** The row that is expanded. */
    interface Source {
        /** The value of a string column (as UTF-8) or of a binary one, counted in the order that was asked for. */
        byte[] bytes(int column);
    }

    /**
     * The rows, as the values of their columns: {@code byte[]} for strings (UTF-8) and binary, {@code Long} for
     * integers of 64 bits and for timestamps (epoch microseconds), {@code Integer}, {@code Double} and {@code Boolean}
     * for theirs.
     */
    Iterator<Object[]> expand(Source row);
}
