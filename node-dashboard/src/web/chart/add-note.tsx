import { useSignal } from '@preact/signals';
import type { VNode } from 'preact';
import { addAnnotation } from '../extras.ts';
import { dashboard } from '../state.ts';
import { askSpan } from '../told.ts';

/** Writes a note at the end of what is shown: now, or where the charts are held. */
export function AddNote(): VNode | null {
    const problem = useSignal('');
    if (dashboard.streams.length === 0) {
        return null;
    }
    const add = async (form: HTMLFormElement): Promise<void> => {
        const text = new FormData(form).get('text');
        try {
            const { stream } = dashboard.selection;
            await addAnnotation({
                at: dashboard.span.to,
                stream,
                text: typeof text === 'string' ? text : '',
            });
            form.reset();
            problem.value = '';
            await askSpan(true);
        } catch (error) {
            problem.value = error instanceof Error ? error.message : String(error);
        }
    };
    return (
        <form
            class="note"
            onSubmit={(event) => {
                event.preventDefault();
                void add(event.currentTarget);
            }}
        >
            <input
                name="text"
                required
                maxLength={500}
                placeholder="What happened?"
                aria-label="A note at the end of the charts"
            />
            <button type="submit">Add note</button>
            {problem.value !== '' && <span role="alert">{problem}</span>}
        </form>
    );
}
