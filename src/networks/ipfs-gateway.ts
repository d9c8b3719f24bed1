/** A gateway's URL without a slash at its end; `https` when it has no scheme. @throws RangeError */
export function parseIpfsGateway(text: string): string {
  const url = URL.parse(/^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `https://${text}`);
  if (url?.protocol !== 'https:' && url?.protocol !== 'http:')
    throw new RangeError('expected an http or https URL');
  return url.href.replace(/\/+$/, '');
}
