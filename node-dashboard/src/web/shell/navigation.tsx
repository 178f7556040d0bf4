import type { VNode } from 'preact';
import { addressWith, go, page } from '../address.ts';
import { PAGES } from './pages.ts';

/** Links to the pages; each keeps what is selected. */
export function Navigation(): VNode {
    return (
        <nav class="pages" aria-label="Pages">
            {PAGES.map(({ name, title }) => {
                const address = addressWith({ page: name });
                return (
                    <a
                        key={name}
                        href={address}
                        aria-current={page.value === name ? 'page' : undefined}
                        onClick={(event) => {
                            if (isPlain(event)) {
                                event.preventDefault();
                                go(address);
                            }
                        }}
                    >
                        {title}
                    </a>
                );
            })}
        </nav>
    );
}

/** Whether a click goes there, and not to another tab. */
function isPlain({ button, ctrlKey, metaKey, shiftKey, altKey }: MouseEvent): boolean {
    return button === 0 && !ctrlKey && !metaKey && !shiftKey && !altKey;
}
