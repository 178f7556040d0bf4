import type { VNode } from 'preact';
import { askToTell, stopTelling, telling } from '../notifications.ts';

/** Lets the browser tell of alerts: it is asked for by this button only. */
export function TellButton(): VNode {
    switch (telling.value) {
        case 'on':
            return (
                <button type="button" class="tell" onClick={stopTelling}>
                    Stop notifications in this browser
                </button>
            );
        case 'off':
            return (
                <button type="button" class="tell" onClick={() => void askToTell()}>
                    Notify me in this browser
                </button>
            );
        case 'denied':
            return (
                <span class="unit tell">this browser was told not to notify: allow it in its settings</span>
            );
        case 'impossible':
            return <span class="unit tell">this browser does not notify from a page</span>;
    }
}
