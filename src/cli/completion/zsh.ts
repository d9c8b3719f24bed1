import { shellQuote } from '../../lib/shell-quote.ts';
import { type CompletedProgram, sharedOptions, valuedOptions, wordsBehind } from './completed-program.ts';

/** A script for zsh, to be sourced behind compinit or put into its fpath as `_operator`. */
export function zshCompletion(program: CompletedProgram): string {
  const { names, commands, leads } = program;
  return `#compdef ${names.join(' ')}
# Completion of ${names.join(' and ')} for zsh: source <(${names[0]} completion zsh)
_stakewise_operator() {
  local command='' lead='' option='' at='' paths=''
  local -a found options values
  local -i i
  for ((i = 2; i < CURRENT; i++)); do
    case \${words[i - 1]} in
      (${valuedOptions(program).join('|')}) continue ;;
    esac
    case "$lead$command \${words[i]}" in
${leads.map(lead => `      (' ${lead}') lead='${lead}:' ;;`).join('\n')}
    esac
    case "$command \${words[i]}" in
${commands
  .filter(({ words }) => words !== '' && !leads.includes(words))
  .map(
    ({ words }) =>
      `      (${shellQuote(words.includes(' ') ? words : ` ${words}`)}) command=${shellQuote(words)} ;;`,
  )
  .join('\n')}
    esac
  done
  at=$command
  [[ -z $command && -n $lead ]] && at=\${lead%:}
  if [[ $PREFIX == --*=* ]]; then
    option=\${PREFIX%%=*}
    compset -P '*='
  else
    option=\${words[CURRENT - 1]}
  fi
  case "$at $option" in
${sharedOptions(program)
  .filter(({ option }) => option.value !== undefined)
  .map(({ option, commands: takers }) => {
    const pattern = takers.map(words => shellQuote(`${words} ${option.name}`)).join('|');
    const values = (option.value?.words ?? []).map(shellQuote).join(' ');
    return `    (${pattern}) values=(${values}) paths=${option.value?.paths ?? 'none'} ;;`;
  })
  .join('\n')}
    (*) option='' ;;
  esac
  if [[ -n $option ]]; then
    (( $#values )) && compadd -- "\${values[@]}"
    [[ $paths == files ]] && _files
    [[ $paths == directories ]] && _files -/
    return 0
  fi
  case "$command" in
${commands
  .filter(({ words }) => !leads.includes(words))
  .map(({ words, argument }) => {
    const next = wordsBehind(program, words).map(({ name, description }) =>
      shellQuote(`${name}:${description}`),
    );
    return `    (${shellQuote(words)}) found=(${[...next, ...(argument?.words ?? []).map(shellQuote)].join(' ')}) ;;`;
  })
  .join('\n')}
  esac
  case "$at" in
${commands
  .map(({ words, options }) => {
    const described = options.map(({ name, description }) => shellQuote(`${name}:${description}`));
    return `    (${shellQuote(words)}) options=(${described.join(' ')}) ;;`;
  })
  .join('\n')}
  esac
  if [[ $PREFIX == -* || $#found -eq 0 ]]; then _describe -o 'option' options; else _describe 'command' found; fi
}
if [[ \${zsh_eval_context[-1]} == loadautofunc ]]; then
  _stakewise_operator "$@"
else
  compdef _stakewise_operator ${names.join(' ')}
fi
`;
}
