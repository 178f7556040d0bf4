import type { VNode } from 'preact';
import { chooseTheme, chosenTheme, type Theme } from '../theme.ts';
import { Choice } from './choice.tsx';

const THEMES: readonly (readonly [Theme, string])[] = [
    ['system', 'as the system'],
    ['light', 'light'],
    ['dark', 'dark'],
];

/** Light, dark, or as the system is. */
export function ThemeChoice(): VNode {
    return (
        <Choice
            label="Theme"
            id="theme"
            options={THEMES}
            value={chosenTheme.value}
            onChoose={(chosen) => {
                chooseTheme(chosen as Theme);
            }}
        />
    );
}
