import { useSignal } from '@preact/signals';
import type { ComponentType, VNode } from 'preact';
import { useEffect } from 'preact/hooks';
import { loaderOf, PAGES } from './pages.ts';

/** A page that is loaded when it is opened. */
export function LazyPage({ name }: { readonly name: string }): VNode {
    const loaded = useSignal<{ readonly name: string; readonly Page: ComponentType } | null>(null);
    const failed = useSignal('');
    const load = (): void => {
        failed.value = '';
        loaderOf(name)?.().then(
            ({ default: Page }) => {
                loaded.value = { name, Page };
            },
            () => {
                failed.value = name;
            },
        );
    };
    useEffect(load, [name]);
    if (loaderOf(name) === undefined) {
        const names = PAGES.map((page) => page.name).filter((known) => known !== '');
        return <p class="empty">{`there is no page "${name}"; there are: ${names.join(', ')}`}</p>;
    }
    if (failed.value === name) {
        return (
            <p class="empty" role="alert">
                this page could not be loaded: the dashboard server does not answer{' '}
                <button type="button" onClick={load}>
                    Try again
                </button>
            </p>
        );
    }
    const Page = loaded.value?.name === name ? loaded.value.Page : null;
    return Page === null ? <p class="empty">loading…</p> : <Page />;
}
