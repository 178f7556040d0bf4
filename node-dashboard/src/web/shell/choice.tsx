import type { VNode } from 'preact';

interface ChoiceProperties {
    readonly label: string;
    readonly id: string;
    readonly options: readonly (readonly [value: string, label: string])[];
    readonly value: string;
    readonly onChoose: (value: string) => void;
}

/** A labelled list to choose one from. */
export function Choice({ label, id, options, value, onChoose }: ChoiceProperties): VNode {
    return (
        <label>
            {label}{' '}
            <select
                id={id}
                value={value}
                onChange={({ currentTarget }) => {
                    onChoose(currentTarget.value);
                }}
            >
                {options.map(([name, text]) => (
                    <option key={name} value={name}>
                        {text}
                    </option>
                ))}
            </select>
        </label>
    );
}
