package io.freshet.spark.engine.spark42.plan;

import io.freshet.spark.engine.RecordStep;
import io.freshet.spark.engine.StepRows;
import io.freshet.spark.nativelib.SourceRecord;
import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import org.apache.arrow.vector.VectorSchemaRoot;
import org.apache.spark.sql.catalyst.InternalRow;
import org.apache.spark.sql.catalyst.expressions.GenericInternalRow;
import org.apache.spark.sql.catalyst.expressions.JoinedRow;
import org.apache.spark.sql.catalyst.expressions.UnsafeProjection;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.sql.vectorized.ArrowColumnVector;
import org.apache.spark.sql.vectorized.ColumnVector;
import org.apache.spark.sql.vectorized.ColumnarBatch;

/**
 * Runs a {@link RecordStep} on Spark's rows.
 *
 * @param names of the columns that it reads, of {@link #COLUMNS}
 * @param schema of the rows that it makes
 */
public record RecordRows(RecordStep step, List<String> names, StructType schema) implements PartitionStep {
    /** Names that Spark's Kafka source has for what a {@link RowRecord} looks at, in its order. */
    private static final List<String> COLUMNS =
        List.of("partition", "offset", "timestamp", "key", "value", "topic", "headers");

    @Override
    public Iterator<InternalRow> run(Iterator<InternalRow> rows, int[] columns) {
        int[] places = COLUMNS.stream().mapToInt(names::indexOf)
            .map(position -> position < 0 ? SourceRecord.ABSENT : columns[position]).toArray();
        return new Made(step.run(new Records(rows, new RowRecord(places))), schema);
    }

    @Override
    public boolean takesBatches() {
        return step.takesBatches();
    }

    @Override
    public String planName() {
        return step.planName();
    }

    @Override
    public String planDetails() {
        return step.planDetails();
    }

    /** The records of a task, in one object that looks at one row after the other. */
    private record Records(Iterator<InternalRow> rows, RowRecord record) implements Iterator<SourceRecord> {
        @Override
        public boolean hasNext() {
            return rows.hasNext();
        }

        @Override
        public SourceRecord next() {
            return record.of(rows.next());
        }
    }

    /** The rows that the step has made, in Spark's own format. */
    private static final class Made implements Iterator<InternalRow> {
        private final Iterator<StepRows> made;
        private final SparkValues values;
        private final UnsafeProjection toUnsafeRow;
        private final int width;
        private Iterator<InternalRow> rows = Collections.emptyIterator();

        Made(Iterator<StepRows> made, StructType schema) {
            this.made = made;
            values = new SparkValues(schema);
            toUnsafeRow = UnsafeProjection.create(schema);
            width = schema.size();
        }

        @Override
        public boolean hasNext() {
            while (!rows.hasNext() && made.hasNext()) {
                rows = rows(made.next());
            }
            return rows.hasNext();
        }

        @Override
        public InternalRow next() {
            if (!hasNext()) {
                throw new NoSuchElementException();
            }
            return toUnsafeRow.apply(rows.next());
        }

        private Iterator<InternalRow> rows(StepRows next) {
            if (next instanceof StepRows.Columns columns) {
                return rows(columns.columns());
            }
            return Collections.singleton(values.row(((StepRows.Single) next).values())).iterator();
        }

        private Iterator<InternalRow> rows(VectorSchemaRoot columns) {
            ColumnVector[] vectors =
                columns.getFieldVectors().stream().map(ArrowColumnVector::new).toArray(ColumnVector[]::new);
            Iterator<InternalRow> first = new ColumnarBatch(vectors, columns.getRowCount()).rowIterator();
            InternalRow nulls = new GenericInternalRow(width - vectors.length);
            JoinedRow joined = new JoinedRow();
            return new Iterator<>() {
                @Override
                public boolean hasNext() {
                    return first.hasNext();
                }

                @Override
                public InternalRow next() {
                    return joined.apply(first.next(), nulls);
                }
            };
        }
    }
}
