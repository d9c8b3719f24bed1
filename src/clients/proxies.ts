import { Agent, type Dispatcher, ProxyAgent } from 'undici';
import { decodePercents } from '../lib/percent-decoding.ts';
import { type ProxyRules, type ProxySettings, readProxyRules } from './proxy-rules.ts';

/** Leads requests through forward proxies, each to the one that the rules say, or directly. */
export interface Proxies {
  readonly dispatcher: Dispatcher;
  /** The proxy that leads to a server, as messages call it; undefined where it is reached directly. */
  proxyOf(server: string | URL): string | undefined;
  /** Says in one line which of these servers are reached through which proxy, if any is. */
  tell(servers: readonly (string | URL)[]): void;
}

/**
 * Opens what leads through the proxies of the environment.
 * @param say - told of each server that is reached through a proxy, once
 * @returns undefined where no proxy is set
 * @throws UsageError 'invalid-proxy'
 */
export function openProxies(settings: ProxySettings, say: (line: string) => void): Proxies | undefined {
  const rules = readProxyRules(settings);
  return rules === undefined ? undefined : new RuledProxies(rules, say);
}

class RuledProxies implements Proxies {
  readonly dispatcher: Dispatcher;
  readonly #rules: ProxyRules;
  readonly #say: (line: string) => void;
  readonly #told = new Set<string>();
  readonly #agents = new Map<string, ProxyAgent>();

  constructor(rules: ProxyRules, say: (line: string) => void) {
    this.#rules = rules;
    this.#say = say;
    const direct = new Agent();
    this.dispatcher = direct.compose(() => (options, handler) => {
      const server = new URL(String(options.origin));
      const proxy = rules(server);
      if (proxy === undefined) return direct.dispatch(options, handler);
      this.tell([server]);
      return this.#agentOf(proxy).dispatch(options, handler);
    });
  }

  proxyOf(server: string | URL): string | undefined {
    return this.#rules(new URL(server))?.origin;
  }

  tell(servers: readonly (string | URL)[]): void {
    const byProxy = new Map<string, Set<string>>();
    for (const server of servers) {
      const { origin } = new URL(server);
      const proxy = this.proxyOf(server);
      if (proxy === undefined || this.#told.has(origin)) continue;
      this.#told.add(origin);
      byProxy.set(proxy, (byProxy.get(proxy) ?? new Set()).add(origin));
    }
    if (byProxy.size === 0) return;
    const parts = [...byProxy].map(([proxy, origins]) => `${proxy} to ${[...origins].join(', ')}`);
    this.#say(`Through a proxy, as HTTP_PROXY, HTTPS_PROXY and NO_PROXY say: ${parts.join('; ')}.`);
  }

  #agentOf(proxy: URL): ProxyAgent {
    const agent = this.#agents.get(proxy.href) ?? new ProxyAgent(proxyOptions(proxy));
    this.#agents.set(proxy.href, agent);
    return agent;
  }
}

/** Credentials are read here, since undici fails at a percent sign that begins no escape. */
function proxyOptions(proxy: URL): ProxyAgent.Options {
  const { origin: uri, username, password } = proxy;
  if (username === '' && password === '') return { uri };
  const pair = `${decodePercents(username)}:${decodePercents(password)}`;
  return { uri, token: `Basic ${Buffer.from(pair).toString('base64')}` };
}
