import { effect, signal } from '@preact/signals';

export type Theme = 'system' | 'light' | 'dark';

const STORED = 'freshet-theme';
const DARK = '(prefers-color-scheme: dark)';

/** What the reader has chosen. */
export const chosenTheme = signal<Theme>('system');
/** What is shown. */
export const theme = signal<'light' | 'dark'>('light');

/** Shows what was chosen the last time, and follows the system where nothing was. */
export function beginTheme(): void {
  const query = matchMedia(DARK);
  const isDark = signal(query.matches);
  query.addEventListener('change', ({ matches }) => {
    isDark.value = matches;
  });
  chosenTheme.value = stored();
  effect(() => {
    const chosen = chosenTheme.value;
    const shown = chosen === 'system' ? (isDark.value ? 'dark' : 'light') : chosen;
    document.documentElement.dataset.theme = shown;
    theme.value = shown;
  });
}

/** Chooses, and keeps it in this browser. */
export function chooseTheme(chosen: Theme): void {
  chosenTheme.value = chosen;
  try {
    localStorage.setItem(STORED, chosen);
  } catch {
    // A browser that keeps nothing asks again the next time.
  }
}

function stored(): Theme {
  try {
    const kept = localStorage.getItem(STORED);
    return kept === 'light' || kept === 'dark' ? kept : 'system';
  } catch {
    return 'system';
  }
}
