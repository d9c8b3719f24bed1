import { describe, expect, it } from 'vitest';
import { isLoopback, isPlainLoopback } from '../../../src/lib/loopback.ts';

describe('isLoopback', () => {
  it.each(['127.0.0.1', '127.0.0.2', '127.255.255.255', '::1', '::ffff:127.0.0.1', '0:0:0:0:0:0:0:1'])(
    'isLoopback is true of %s',
    address => {
      expect(isLoopback(address)).toBe(true);
    },
  );

  it.each([
    '128.0.0.1',
    '126.255.255.255',
    '0.0.0.0',
    '10.0.0.1',
    '192.0.2.2',
    '::',
    '::2',
    '::ffff:10.0.0.1',
    'fe80::1',
    // A name is whatever a resolver says.
    'localhost',
    '127.0.0.1.example.org',
    '',
  ])('isLoopback is false of %j', address => {
    expect(isLoopback(address)).toBe(false);
  });
});

describe('isPlainLoopback', () => {
  it.each(['127.0.0.1', '127.0.0.2', '127.255.255.255', '::1'])('isPlainLoopback is true of %s', address => {
    expect(isPlainLoopback(address)).toBe(true);
  });

  it.each([
    '128.0.0.1',
    '0.0.0.0',
    '10.0.0.1',
    '::',
    // Loopback by another notation: a listener there asks for client certificates all the same.
    '::ffff:127.0.0.1',
    '::ffff:7f00:1',
    '0:0:0:0:0:0:0:1',
    'localhost',
    '127.0.0.1.example.org',
    '127.example.org',
    '',
  ])('isPlainLoopback is false of %j', address => {
    expect(isPlainLoopback(address)).toBe(false);
  });
});
