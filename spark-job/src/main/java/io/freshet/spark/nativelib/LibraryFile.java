package io.freshet.spark.nativelib;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;

/** Looks at a library's file before the JVM maps it: reading past the end of a mapped file would kill the process. */
final class LibraryFile {
    /** ELF, 64 bits, little-endian: all Linux platforms that there is a library for. */
    private static final int MAGIC = 0x464C457F;
    private static final int CLASS_AND_ORDER = 0x0102;
    private static final int HEADER_BYTES = 64;
    /** Offsets in the header (System V ABI, chapter 4): of the section header table's place, entry size and length. */
    private static final int CLASS_OFFSET = 4;
    private static final int TABLE_OFFSET = 40;
    private static final int ENTRY_SIZE_OFFSET = 58;
    private static final int ENTRY_COUNT_OFFSET = 60;

    private LibraryFile() {}

    /**
     * Whether a part of the file is missing. The section header table is the last thing in it. What is no ELF file is
     * for the dynamic linker to refuse.
     */
    static boolean isCutOff(Path file) throws IOException {
        ByteBuffer header = ByteBuffer.allocate(HEADER_BYTES).order(ByteOrder.LITTLE_ENDIAN);
        try (FileChannel channel = FileChannel.open(file)) {
            while (header.hasRemaining() && channel.read(header) >= 0) { /* until the header is complete */ }
            if (header.position() < Integer.BYTES || header.getInt(0) != MAGIC) {
                return false;
            }
            if (header.hasRemaining()) {
                return true;
            }
            long table = header.getLong(TABLE_OFFSET);
            long size = (long) header.getShort(ENTRY_SIZE_OFFSET) * header.getShort(ENTRY_COUNT_OFFSET);
            return header.getShort(CLASS_OFFSET) == CLASS_AND_ORDER && channel.size() < table + size;
        }
    }
}
