import type { FastifyBaseLogger } from 'fastify';
import type { Notes } from './annotations/notes.ts';
import { Restarts } from './annotations/restarts.ts';
import type { ErrorCounts } from './error-counts.ts';
import type { HealthBoard } from './health-board.ts';
import { parseHealthReport } from './health-report.ts';
import { deletesKey, type TopicRecord, type TopicSink } from './kafka-tail.ts';
import type { LiveStream } from './live-stream.ts';

/** How many of the newest windows of a topic are read at the start, so that clients of an earlier run can resume. */
const WINDOWS_BACKLOG = 8192;
/** Enough for the last reports of every component. */
const HEALTH_BACKLOG = 512;

/** Where what is wrong with records is told. */
export interface Complaints {
  readonly log: FastifyBaseLogger;
  readonly errors: ErrorCounts;
}

/** Takes health reports to the board, and notes what restarts they tell of. */
export function healthSink(board: HealthBoard, notes: Notes, { log, errors }: Complaints): TopicSink {
  const restarts = new Restarts();
  return {
    backlog: HEALTH_BACKLOG,
    begin: () => undefined,
    append: (_, records) => {
      const texts = records.map(textOf).filter((text) => text !== null);
      const reports = texts.map(parseHealthReport).filter((report) => report !== null);
      for (const report of reports) {
        board.add(report, Date.now());
      }
      void notes.add(reports.flatMap((report) => restarts.add(report)));
      const invalid = texts.length - reports.length;
      if (invalid > 0) {
        errors.add('invalid_health', `${invalid} records of the health topic are no reports`, invalid);
        log.warn({ invalid }, 'skipped records that are no health reports');
      }
    },
    status: () => undefined,
  };
}

/** Takes windows to their stream. */
export function windowsSink(stream: LiveStream, { log, errors }: Complaints): TopicSink {
  return {
    backlog: WINDOWS_BACKLOG,
    begin: (topicId, offsets, ends) => {
      stream.begin(topicId, offsets, ends);
    },
    append: (partition, records, next) => {
      const texts = records.map((record) => ({ offset: record.offset, value: textOf(record) }));
      const invalid = stream.append(partition, texts, next);
      if (invalid > 0) {
        errors.add('invalid_window', `${invalid} records of stream ${stream.name} are no windows`, invalid);
        log.warn({ stream: stream.name, partition, invalid }, 'skipped records that are no windows');
      }
    },
    status: (connected, message) => {
      stream.announce(connected, message);
    },
  };
}

/** Null for a record that deletes its key: whoever compacts a topic by hand leaves such, and they are nothing wrong. */
function textOf(record: TopicRecord): string | null {
  return deletesKey(record) ? null : String(record.value);
}
