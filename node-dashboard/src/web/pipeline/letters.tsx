import type { VNode } from 'preact';
import { parameter, setParameters } from '../address.ts';
import { getDeadLetters } from '../client.ts';
import { formatAge, formatCount } from '../format.ts';
import { usePoll } from '../polling.ts';
import { dashboard, followChanges, followTicks } from '../state.ts';
import type { DeadLetter, DeadLettersAnswer } from '../../shared/pipeline-api.ts';
import { Choice } from '../shell/choice.tsx';
import { formatQuantity } from '../units.ts';
import { adviceFor } from './reasons.ts';

const POLL_INTERVAL = 3000;
/** So many letters are shown at first, and so many more each time that more are asked for. */
const PAGE_SIZE = 50;

/** The newest dead letters, by stream and reason, with what to do about them. */
export function Letters(): VNode {
    followChanges();
    const stream = parameter('pipeline.stream');
    const reason = parameter('pipeline.reason');
    const limit = Number(parameter('pipeline.letters')) || PAGE_SIZE;
    const polled = usePoll(
        () => getDeadLetters({ stream, reason, limit }),
        POLL_INTERVAL,
        JSON.stringify([stream, reason, limit]),
    );
    const { answer, problem } = polled.value;
    return (
        <section class="card letters" aria-labelledby="letters-title">
            <header>
                <h2 id="letters-title">Dead letters</h2>
                <span class="unit">rejected records, newest first</span>
            </header>
            <div class="controls">
                <Choice
                    label="Of"
                    id="letters-stream"
                    value={stream}
                    options={[
                        ['', 'all streams'],
                        ...dashboard.streams.map(({ name, title }) => [name, title] as const),
                    ]}
                    onChoose={(chosen) => {
                        setParameters({
                            'pipeline.stream': chosen,
                            'pipeline.reason': '',
                            'pipeline.letters': '',
                        });
                    }}
                />
                <Choice
                    label="Reason"
                    id="letters-reason"
                    value={reason}
                    options={reasonsOf(answer, reason)}
                    onChoose={(chosen) => {
                        setParameters({ 'pipeline.reason': chosen, 'pipeline.letters': '' });
                    }}
                />
            </div>
            {problem !== '' && (
                <p class="loss" role="alert">
                    {problem}
                </p>
            )}
            {answer === null ? (
                problem === '' && <p class="empty">loading…</p>
            ) : (
                <Found answer={answer} limit={limit} />
            )}
        </section>
    );
}

function reasonsOf(answer: DeadLettersAnswer | null, chosen: string): (readonly [string, string])[] {
    const counts = Object.entries(answer?.reasons ?? {}).sort(([, a], [, b]) => b - a);
    const all = counts.reduce((total, [, count]) => total + count, 0);
    const known = counts.map(([name, count]) => [name, `${name} (${formatCount(count)})`] as const);
    const isKnown = chosen === '' || counts.some(([name]) => name === chosen);
    return [
        ['', answer === null ? 'all' : `all (${formatCount(all)})`],
        ...known,
        ...(isKnown ? [] : [[chosen, answer === null ? chosen : `${chosen} (0)`] as const]),
    ];
}

function Found({ answer, limit }: { readonly answer: DeadLettersAnswer; readonly limit: number }): VNode {
    const { connection, letters, matched, kept, most, now } = answer;
    return (
        <>
            {!connection.connected && (
                <p class="loss" role="alert" id="letters-away">
                    dead letters cannot be read now: {connection.message}
                    {kept > 0 && '; those below came before'}
                </p>
            )}
            <p class="unit" role="status" id="letters-count">
                {countOf(answer)}
            </p>
            <ul class="letter-list">
                {letters.map((letter) => (
                    <li key={[letter.topic, letter.partition, letter.offset, letter.at].join('/')}>
                        <Letter letter={letter} now={now} />
                    </li>
                ))}
            </ul>
            {matched > letters.length && limit < most && (
                <button
                    type="button"
                    onClick={() => {
                        setParameters({ 'pipeline.letters': String(Math.min(most, limit + PAGE_SIZE)) });
                    }}
                >
                    Show more
                </button>
            )}
        </>
    );
}

function countOf({ connection, lag, letters, matched, kept, most, unreadable }: DeadLettersAnswer): string {
    const isWhole = connection.connected && lag === 0;
    const reading = lag === null ? 'still reading' : `${formatCount(lag)} are still to be read`;
    const none = kept === 0 ? 'the topic holds no dead letters' : 'no letter matches';
    const shown = `${formatCount(letters.length)} of ${formatCount(matched)} letters`;
    return [
        letters.length > 0 ? shown : isWhole ? none : 'none yet',
        ...(connection.connected && !isWhole ? [reading] : []),
        ...(kept >= most ? [`only the newest ${formatCount(most)} are kept here`] : []),
        ...(unreadable > 0 ? [`${formatCount(unreadable)} records of the topic are no dead letters`] : []),
    ].join('; ');
}

function Letter({ letter, now }: { readonly letter: DeadLetter; readonly now: number }): VNode {
    const { at, stream, stage, source, reason, detail, key, text, bytes, truncated } = letter;
    followTicks();
    return (
        <article class="letter" data-reason={reason}>
            <p>
                <b>{reason}</b>
                {stage !== null && <span class="unit">{stage}</span>}
                <span class="unit">{stream ?? 'of no stream'}</span>
                <span class="unit">{placeOf(letter)}</span>
                {source !== null && <span class="unit">source {source}</span>}
                <time class="age" dateTime={new Date(at).toISOString()}>
                    {formatAge(now - at)} ago
                </time>
            </p>
            {detail !== '' && <p class="detail">{detail}</p>}
            <pre tabIndex={0} aria-label="the record">
                {text === '' ? (
                    <i>{bytes > 0 ? 'the record was too large to be kept' : 'the record is empty'}</i>
                ) : (
                    text
                )}
            </pre>
            {truncated && text !== '' && (
                <p class="unit">the beginning of {formatQuantity(bytes, 'bytes')}</p>
            )}
            {key !== null && <p class="unit">key {key}</p>}
            <p class="advice">{adviceFor(reason)}</p>
        </article>
    );
}

function placeOf({ topic, partition, offset }: DeadLetter): string {
    const place = partition === null || offset === null ? '' : `, partition ${partition}, offset ${offset}`;
    return `${topic ?? 'no topic'}${place}`;
}
