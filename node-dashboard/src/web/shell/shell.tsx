import type { VNode } from 'preact';
import { page } from '../address.ts';
import { Overview } from '../pages/overview.tsx';
import { Controls } from './controls.tsx';
import { LazyPage } from './lazy-page.tsx';
import { Navigation } from './navigation.tsx';
import { Notice } from './notice.tsx';
import { Pause } from './pause.tsx';
import { Past, Status } from './status.tsx';
import { ThemeChoice } from './theme-choice.tsx';

const ICON = new URL('../icon.svg', import.meta.url).href;

/** The whole page: what stands above every page, and the page itself. */
export function Shell(): VNode {
    return (
        <>
            <a class="skip" href="#content">
                Skip to the content
            </a>
            <header class="bar">
                <h1>
                    <img src={ICON} alt="" width="22" height="22" />
                    Freshet
                </h1>
                <Navigation />
                <Status />
                <div class="tools">
                    <Controls />
                    <Past />
                    <Pause />
                </div>
            </header>
            <Notice />
            <main id="content" tabIndex={-1}>
                {page.value === '' ? <Overview /> : <LazyPage name={page.value} />}
            </main>
            <footer class="foot">
                <ThemeChoice />
            </footer>
        </>
    );
}
