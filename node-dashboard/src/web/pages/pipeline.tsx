import type { VNode } from 'preact';
import { getHealth, getPipeline } from '../client.ts';
import { Island } from '../panels/island.tsx';
import { pipelinePanel } from '../panels/pipeline.ts';
import { jobOf } from '../pipeline/books.ts';
import { Diagram } from '../pipeline/diagram.tsx';
import { stepsOf } from '../pipeline/flow.ts';
import { Letters } from '../pipeline/letters.tsx';
import '../pipeline/pipeline.css';
import { StreamBooks } from '../pipeline/stream-books.tsx';
import { usePoll } from '../polling.ts';
import { dashboard, followChanges } from '../state.ts';

const HEALTH_INTERVAL = 2000;
const PAST_INTERVAL = 5000;

/** The way of the data with rates and lag, the books of each stream, and what was rejected. */
export default function PipelinePage(): VNode {
    followChanges();
    const health = usePoll(getHealth, HEALTH_INTERVAL).value;
    const past = usePoll(getPipeline, PAST_INTERVAL).value;
    const { answer } = health;
    const times = past.answer?.times ?? [];
    return (
        <div class="pipeline-page">
            {health.problem !== '' && (
                <p class="loss" role="alert">
                    {health.problem}
                    {answer !== null && '; what is shown was so before'}
                </p>
            )}
            {answer === null ? (
                health.problem === '' && <p class="empty">loading…</p>
            ) : (
                <>
                    <Diagram
                        steps={stepsOf(answer, past.answer)}
                        span={(times.at(-1) ?? 0) - (times[0] ?? 0)}
                    />
                    <div class="streams">
                        {dashboard.streams.map((stream) => (
                            <StreamBooks
                                key={stream.name}
                                stream={stream}
                                job={jobOf(answer.components, stream.name)}
                                now={answer.now}
                            />
                        ))}
                    </div>
                </>
            )}
            <Letters />
            <Island create={pipelinePanel} />
        </div>
    );
}
