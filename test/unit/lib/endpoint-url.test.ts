import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { EndpointUrl, withoutSecrets } from '../../../src/lib/endpoint-url.ts';
import { createServiceLogger } from '../../../src/lib/logger.ts';

const GIVEN = 'https://ops:Planted%21Pw@node.example:8443/v3/0123456789abcdef0123?key=abcdef';

describe('the URL of a server', () => {
  it('EndpointUrl shows scheme, host and port only, however it is made a text', () => {
    const url = EndpointUrl.parse(GIVEN);
    const lines: string[] = [];
    const log = createServiceLogger({
      level: 'INFO',
      format: 'json',
      scrub: line => line,
      write: line => lines.push(line),
    });
    log.info({ url }, `asks ${url}`);
    const shown = [
      `${url}`,
      String(url),
      [url, url].join(),
      JSON.stringify({ url }),
      inspect({ url }),
      ...lines,
    ];
    for (const text of shown) {
      expect(text).toContain('https://node.example:8443');
      expect(text).not.toMatch(/ops|Planted|0123456789|abcdef/);
    }
    expect(url.reveal()).toBe(GIVEN);
    expect(url.secrets).toEqual(['Planted!Pw', 'ops:Planted%21Pw', '0123456789abcdef0123', 'abcdef']);
  });

  it('EndpointUrl reads the URL of a socket', () => {
    const url = EndpointUrl.parse('unix:/run/signer.sock');
    expect([url.name, url.socketPath, url.secrets]).toEqual(['/run/signer.sock', '/run/signer.sock', []]);
    expect(url.reveal()).toBe('unix:/run/signer.sock');
  });

  it('EndpointUrl refuses what is no URL without repeating a password in it', () => {
    for (const text of [
      'htp://u:Planted@h',
      'u:Planted@h',
      'http://u:Planted@',
      'ftp://h/?key=Planted',
      'http:/u:Pl@Planted@h:x',
    ])
      expect(() => EndpointUrl.parse(text)).toThrow(
        expect.objectContaining({ code: 'invalid-url', message: expect.not.stringContaining('Planted') }),
      );
    expect(withoutSecrets('localhost:9000')).toBe('localhost:9000');
    expect(withoutSecrets('htp://u:p@h/x?a=b')).toBe('htp://***@h/x?***');
  });
});
