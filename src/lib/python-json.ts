/**
 * JSON text laid out as Python's `json.dumps` does by default: `", "` and `": "` between members, all on one line,
 * everything beyond ASCII escaped. The files of the Python operator look so, and stay equal byte for byte.
 */
export function formatPythonJson(value: unknown): string {
  // Inside strings JSON.stringify escapes line breaks, so each line break in its indented output is layout.
  return JSON.stringify(value, null, 1)
    .replace(/([{[])\n */g, '$1')
    .replace(/\n *([}\]])/g, '$1')
    .replace(/,\n */g, ', ')
    .replace(/[\u0080-\uffff]/g, unit => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
