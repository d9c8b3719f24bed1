import { describe, expect, it } from 'vitest';
import { logsAnswer, pickAskedLogs } from '../../../../src/clients/execution/asked-logs.ts';

const ADDRESS = `0x${'aB'.repeat(20)}`;
const TOPIC = `0x${'1c'.repeat(32)}`;
const OTHER = `0x${'2d'.repeat(32)}`;
const BLOCK_HASH = `0x${'3e'.repeat(32)}`;
const filter = { address: ADDRESS, topics: [TOPIC], fromBlock: '0x5', toBlock: '0xa' };

function log(changes: Record<string, unknown> = {}) {
  const whole = {
    address: ADDRESS.toLowerCase(),
    topics: [TOPIC, OTHER],
    data: '0x',
    blockNumber: '0x7',
    blockHash: BLOCK_HASH,
    logIndex: '0x1',
    ...changes,
  };
  return logsAnswer.element.parse(whole);
}

function pick(asked: unknown, logs: readonly ReturnType<typeof log>[]) {
  return pickAskedLogs(asked, logs, 'http://node');
}

describe('pickAskedLogs', () => {
  it.each([
    ['of another address', { address: `0x${'cd'.repeat(20)}` }],
    ['of another topic', { topics: [OTHER] }],
    ['without topics', { topics: [] }],
    ['of an earlier block', { blockNumber: '0x4' }],
    ['of a later block', { blockNumber: '0xb' }],
    ['that a reorganisation has removed', { removed: true }],
  ])('pickAskedLogs leaves out logs %s', (_, changes) => {
    expect(pick(filter, [log(changes), log()])).toEqual([log()]);
  });

  it('pickAskedLogs takes logs of several addresses and topics, by position, in whatever case they are written', () => {
    const asked = {
      address: [`0x${'cd'.repeat(20)}`, ADDRESS.toUpperCase().replace('0X', '0x')],
      topics: [[OTHER, TOPIC.toUpperCase().replace('0X', '0x')], null, OTHER],
    };
    const whole = log({ topics: [TOPIC, TOPIC, OTHER] });
    expect(pick(asked, [log(), whole, log({ topics: [TOPIC, TOPIC, TOPIC] })])).toEqual([whole]);
  });

  it('pickAskedLogs takes all logs from the first block on where the last one is a tag', () => {
    const late = log({ blockNumber: '0xfffff' });
    expect(pick({ fromBlock: '0x5', toBlock: 'latest' }, [log({ blockNumber: '0x4' }), late])).toEqual([
      late,
    ]);
    expect(pick({}, [log(), late])).toEqual([log(), late]);
  });

  it('pickAskedLogs takes the logs of the block whose hash was asked for', () => {
    const other = log({ blockHash: `0x${'4f'.repeat(32)}`, logIndex: '0x2' });
    expect(pick({ blockHash: BLOCK_HASH }, [other, log()])).toEqual([log()]);
  });

  it('pickAskedLogs sorts logs in the order of the chain', () => {
    const [first, second, third] = [
      log({ blockNumber: '0x6', logIndex: '0x9' }),
      log({ logIndex: '0x2' }),
      log({ logIndex: '0x10' }),
    ];
    expect(pick(filter, [third, first, second])).toEqual([first, second, third]);
  });

  it('pickAskedLogs refuses two logs at one place', () => {
    expect(() => pick(filter, [log(), log({ data: '0x12' })])).toThrow(
      'http://node tells of two logs at one place: block 7, index 1.',
    );
  });
});
