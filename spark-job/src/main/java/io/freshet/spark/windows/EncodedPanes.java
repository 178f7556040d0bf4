package io.freshet.spark.windows;

import java.io.Serializable;

/**
 * What {@link UpdateWindows} reads of a partial aggregate, as a bean: Spark finds its columns by their names then, and
 * leaves the others alone.
 */
public final class EncodedPanes implements Serializable {
    private static final long serialVersionUID = 1L;

    private byte[] panes;

    /** The column {@code panes} of {@link WindowPartials#OUTPUT}. */
    public byte[] getPanes() {
        return panes;
    }

    /** Only for Spark. */
    public void setPanes(byte[] panes) {
        this.panes = panes;
    }
}
