import { useSignalEffect } from '@preact/signals';
import type { VNode } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';
import { dashboard, followChanges, followTicks } from '../state.ts';
import type { Panel, PanelFactory } from './panel.ts';

/** A panel that draws into an element of its own. */
export function Island({ create }: { readonly create: PanelFactory }): VNode {
    const host = useRef<HTMLDivElement>(null);
    const panel = useRef<Panel | null>(null);
    useLayoutEffect(() => {
        if (host.current !== null) {
            panel.current = create(host.current, dashboard);
            panel.current.update();
        }
        return () => {
            panel.current?.destroy?.();
            panel.current = null;
        };
    }, [create]);
    useSignalEffect(() => {
        followChanges();
        panel.current?.update();
    });
    useSignalEffect(() => {
        followTicks();
        panel.current?.tick?.();
    });
    return <div ref={host} />;
}
