import { shellQuote } from '../../lib/shell-quote.ts';
import {
  type CompletedProgram,
  type CompletedValue,
  sharedOptions,
  valuedOptions,
  wordsBehind,
} from './completed-program.ts';

/** A script for bash (3.2 and newer), which needs nothing beside it; it starts no program when a word is completed. */
export function bashCompletion(program: CompletedProgram): string {
  const { names, commands, leads } = program;
  return `# Completion of ${names.join(' and ')} for bash: source <(${names[0]} completion bash)
_stakewise_operator() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD - 1]} command='' lead='' option='' prefix=''
  local i words='' paths='' commands='' options='' IFS=$' \\t\\n'
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    case \${COMP_WORDS[i - 1]} in
      =|${valuedOptions(program).join('|')}) continue ;;
    esac
    case "$lead$command \${COMP_WORDS[i]}" in
${leads.map(lead => `      ' ${lead}') lead='${lead}:' ;;`).join('\n')}
    esac
    case "$command \${COMP_WORDS[i]}" in
${commands
  .filter(({ words }) => words !== '' && !leads.includes(words))
  .map(
    ({ words }) =>
      `      ${shellQuote(words.includes(' ') ? words : ` ${words}`)}) command=${shellQuote(words)} ;;`,
  )
  .join('\n')}
    esac
  done
  # Readline takes "--option=value" for three words, unless it was told not to.
  case $cur in
    --*=*) option=\${cur%%=*}; cur=\${cur#*=}; prefix=$option= ;;
    =) option=$prev; cur='' ;;
    *) if [[ $prev == = ]]; then option=\${COMP_WORDS[COMP_CWORD - 2]}; else option=$prev; fi ;;
  esac
  local at="$command"
  [[ -z $command && -n $lead ]] && at=\${lead%:}
  case "$at $option" in
${sharedOptions(program)
  .filter(({ option }) => option.value !== undefined)
  .map(
    ({ option, commands: takers }) =>
      `    ${takers.map(words => shellQuote(`${words} ${option.name}`)).join('|')}) ${setValue(option.value)} ;;`,
  )
  .join('\n')}
    *) option='' ;;
  esac
  if [[ -z $option ]]; then
    case "$command" in
${commands
  .filter(({ words }) => !leads.includes(words))
  .map(({ words, argument }) => {
    const next = [...wordsBehind(program, words).map(({ name }) => name), ...(argument?.words ?? [])];
    return `      ${shellQuote(words)}) commands=${shellQuote(next.join(' '))} ;;`;
  })
  .join('\n')}
    esac
    case "$at" in
${commands
  .map(
    ({ words, options }) =>
      `      ${shellQuote(words)}) options=${shellQuote(options.map(({ name }) => name).join(' '))} ;;`,
  )
  .join('\n')}
    esac
    if [[ $cur == -* || -z $commands ]]; then words=$options; else words=$commands; fi
  fi
  local reply
  for reply in $(compgen -W "$words" -- "$cur"); do COMPREPLY+=("$prefix$reply"); done
  if [[ -n $paths ]]; then
    compopt -o filenames 2>/dev/null
    local IFS=$'\\n'
    for reply in $(compgen "-$paths" -- "$cur"); do COMPREPLY+=("$prefix$reply"); done
  fi
}
complete -F _stakewise_operator ${names.join(' ')}
`;
}

function setValue(value: CompletedValue | undefined): string {
  const words = `words=${shellQuote((value?.words ?? []).join(' '))}`;
  if (value?.paths === undefined) return words;
  return `${words} paths=${value.paths === 'files' ? 'f' : 'd'}`;
}
