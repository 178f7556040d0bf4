import { describe, expect, it } from 'vitest';
import type { ClusterMetadata } from '@platformatic/kafka';
import { leadersIn } from '../src/server/kafka-connection.ts';

/** A cluster of brokers 1 and 2 with a topic whose partitions are led by these. */
function cluster(leaders: readonly number[]): ClusterMetadata {
  const partitions = leaders.map((leader) => ({ leader, leaderEpoch: 1, replicas: [leader] }));
  const topic = { id: 'id', partitions, partitionsCount: leaders.length, lastUpdate: 0 };
  const broker = (nodeId: number) => ({ nodeId, host: 'host', port: 9092 });
  return {
    id: 'cluster',
    brokers: new Map([1, 2].map((nodeId) => [nodeId, broker(nodeId)])),
    topics: new Map([['windows.a', topic]]),
    lastUpdate: 0,
  };
}

describe('the leaders of a topic', () => {
  it.each([
    [
      [1, 2, 1],
      [1, 2, 1],
    ],
    // No leader is elected, or the one that was is no broker of the cluster any more.
    [[1, -1], null],
    [[1, 3], null],
    [[], null],
  ])('of partitions led by %j are %j', (leaders, known) => {
    expect(leadersIn(cluster(leaders), 'windows.a')).toEqual(known);
  });

  it('of one that is not there are not known', () => {
    expect(leadersIn(cluster([1]), 'windows.b')).toBeNull();
  });
});
