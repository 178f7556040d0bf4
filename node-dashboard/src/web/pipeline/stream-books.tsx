import { Fragment, type ComponentChildren, type VNode } from 'preact';
import type { ComponentHealth, StreamInfo } from '../../shared/api.ts';
import { formatAge, formatClock, formatCount } from '../format.ts';
import { isUnwell, stateOf } from '../health-words.ts';
import { formatQuantity } from '../units.ts';
import { booksOf, OUTCOMES, restartsText, type Books } from './books.ts';

const NOT_KNOWN = '–';

/** What became of a stream's records, and how its query is. */
export function StreamBooks({
    stream,
    job,
    now,
}: {
    readonly stream: StreamInfo;
    readonly job: ComponentHealth | undefined;
    readonly now: number;
}): VNode {
    const id = `books-${stream.name}`;
    return (
        <section class="card books" aria-labelledby={id} data-stream={stream.name}>
            <header>
                <h2 id={id}>{stream.title}</h2>
                <span class={job === undefined || isUnwell(job) ? 'state unwell' : 'state'}>
                    {job === undefined ? 'the Spark job has not reported this stream' : stateOf(job)}
                </span>
            </header>
            {job !== undefined && <Account job={job} now={now} />}
            {job !== undefined && <Facts job={job} now={now} />}
        </section>
    );
}

function Account({ job, now }: { readonly job: ComponentHealth; readonly now: number }): VNode {
    const books = booksOf(job);
    return (
        <>
            <p class="account">
                <Amount number={books.read} what="read" /> {relationOf(books.unaccounted)}{' '}
                {OUTCOMES.map((outcome, index) => (
                    <Fragment key={outcome}>
                        {index > 0 && ' + '}
                        <Amount number={books.outcomes[outcome]} what={outcome} />
                    </Fragment>
                ))}
            </p>
            <p class="unit">records since the job has started, {formatAge(now - job.since)} ago</p>
            <Imbalance unaccounted={books.unaccounted ?? 0} />
            <Losses books={books} />
            <LeftOut job={job} />
        </>
    );
}

/** How what was read and what became of it stand to each other. */
function relationOf(unaccounted: number | null): string {
    if (unaccounted === null) {
        return '=?';
    }
    return unaccounted === 0 ? '=' : '≠';
}

function Amount({ number, what }: { readonly number: number | null; readonly what: string }): VNode {
    return (
        <span class="amount" data-what={what}>
            <b>{number === null ? 'unknown' : formatCount(number)}</b> {what}
        </span>
    );
}

/** What is read is one of the outcomes: if it is not, the job has lost it, or counts it twice. */
function Imbalance({ unaccounted }: { readonly unaccounted: number }): VNode | null {
    if (unaccounted === 0) {
        return null;
    }
    return (
        <p class="loss" data-what="unaccounted">
            <b>The books do not balance</b>: {formatCount(Math.abs(unaccounted))} records{' '}
            {unaccounted > 0
                ? 'were read, and nothing is known to have become of them'
                : 'more came out than were read'}
        </p>
    );
}

/** What was never read, which no window and no dead letter tells of; other gaps are none of that. */
function Losses({ books: { deleted, gaps, lost } }: { readonly books: Books }): VNode {
    return (
        <>
            {(deleted ?? 0) > 0 && (
                <p class="loss" data-what="deleted">
                    <b>{formatCount(deleted ?? 0)} offsets deleted unread</b>: Kafka had deleted them before
                    the job came to read them. Keep records longer (retention.ms), or read faster
                </p>
            )}
            {(lost ?? 0) > 0 && (
                <p class="loss" data-what="lost">
                    <b>{formatCount(lost ?? 0)} offsets lost</b>: their topic was deleted before they were
                    read
                </p>
            )}
            {(gaps ?? 0) > 0 && (
                <p class="unit" data-what="gaps">
                    {formatCount(gaps ?? 0)} offsets held no record
                    {deleted === null
                        ? '; how many of them Kafka had deleted unread is not known'
                        : ', and are no loss: marks of transactions, aborted records, what compaction has removed'}
                </p>
            )}
            {gaps === null && deleted === null && (
                <p class="unit">whether Kafka has deleted records unread is not known</p>
            )}
        </>
    );
}

/** What the stream's own rules leave out of records that count. */
function LeftOut({ job }: { readonly job: ComponentHealth }): VNode {
    const rows = job.rejected_rows ?? 0;
    const ofMetrics = Object.entries(job.skipped_values ?? {}).map(
        ([metric, count]) => `${formatCount(count)} of ${metric}`,
    );
    return (
        <>
            {rows > 0 && (
                <p class="unit" data-what="rejected_rows">
                    {formatCount(rows)} bad rows of records that count were left out (on_bad_row): each is a
                    dead letter
                </p>
            )}
            {ofMetrics.length > 0 && (
                <p class="unit" data-what="skipped_values">
                    values that are no numbers were left out (on_bad_value): {ofMetrics.join(', ')}
                </p>
            )}
        </>
    );
}

function Facts({ job, now }: { readonly job: ComponentHealth; readonly now: number }): VNode {
    const { watermark, batch_id, batch_duration_ms, state_rows, state_bytes, last_progress_time } = job;
    const { errors, lag } = job;
    return (
        <dl class="facts">
            <Fact name="lag">{told(lag, (records) => `${formatCount(records)} records`)}</Fact>
            <Fact name="watermark">
                {told(watermark, (time) => `${formatClock(time)}, ${formatAge(now - time)} behind the clock`)}
            </Fact>
            <Fact name="newest batch">
                {told(
                    batch_duration_ms,
                    (time) =>
                        `${formatCount(time)} ms${batch_id == null ? '' : ` (number ${formatCount(batch_id)})`}`,
                )}
            </Fact>
            <Fact name="progress">{told(last_progress_time, (time) => `${formatAge(now - time)} ago`)}</Fact>
            <Fact name="state">
                {told(state_rows, (rows) => `${formatCount(rows)} rows`)},{' '}
                {told(state_bytes, (bytes) => formatQuantity(bytes, 'bytes'))}
            </Fact>
            <Fact name="restarts">{restartsText(job, now)}</Fact>
            <Fact name="errors">{told(errors, errorsText)}</Fact>
        </dl>
    );
}

function errorsText(errors: Readonly<Record<string, number>>): string {
    const counted = Object.entries(errors).map(([kind, count]) => `${kind}: ${formatCount(count)}`);
    return counted.length === 0 ? 'none' : counted.join(', ');
}

function Fact({ name, children }: { readonly name: string; readonly children: ComponentChildren }): VNode {
    return (
        <div data-fact={name}>
            <dt>{name}</dt>
            <dd>{children}</dd>
        </div>
    );
}

function told<Value>(value: Value | null | undefined, write: (value: Value) => string): string {
    return value === null || value === undefined ? NOT_KNOWN : write(value);
}
