" Indentation as `cachelang fmt` has it.

if exists('b:did_indent')
  finish
endif
let b:did_indent = 1

setlocal nolisp noautoindent
setlocal indentexpr=CachefileIndent(v:lnum)
setlocal indentkeys=!^F,o,O,0},0],0),0?,0&,0\|,0+,0=then,0=else
let b:undo_indent = 'setlocal lisp< autoindent< indentexpr< indentkeys<'

if exists('*CachefileIndent')
  finish
endif

let s:save_cpo = &cpoptions
set cpoptions&vim

function s:Groups(lnum, col) abort
  return map(synstack(a:lnum, a:col), 'synIDattr(v:val, "name")')
endfunction

" Whether a line starts inside a string of several lines.
function s:StartsInText(lnum) abort
  if a:lnum < 2
    return 0
  endif
  let before = s:Groups(a:lnum - 1, max([1, len(getline(a:lnum - 1))]))
  return index(before, 'cachefileText') >= 0 && getline(a:lnum - 1) !~# '"""\s*$'
        \ || index(before, 'cachefileText') >= 0 && s:OpensText(a:lnum - 1)
endfunction

" Whether the last quotes of a line open a string.
function s:OpensText(lnum) abort
  let line = getline(a:lnum)
  let col = strridx(line, '"""')
  if col < 0
    return 0
  endif
  return synIDattr(synID(a:lnum, col + 1, 1), 'name') ==# 'cachefileTextStart'
endfunction

" How many brackets a line opens, without those that it closes again; closing ones at its start do not count.
function s:Opened(lnum) abort
  let line = getline(a:lnum)
  let depth = 0
  for col in range(len(matchstr(line, '^[ \t\])}]*')), len(line) - 1)
    if line[col] !~# '[][(){}]'
      continue
    endif
    if synIDattr(synID(a:lnum, col + 1, 1), 'name') =~# '\vcachefile%(String|Text|Comment|Doc|Escape|Hole)'
      continue
    endif
    let depth += line[col] =~# '[[({]' ? 1 : -1
  endfor
  return depth
endfunction

" Whether a line goes on with the value of the line before. A comment belongs to the line below it.
function s:Continues(lnum) abort
  let lnum = a:lnum
  while getline(lnum) =~# '^\s*\%(#\|$\)' && lnum < line('$')
    let lnum += 1
  endwhile
  return getline(lnum) =~# '\v^\s*%(\?\?|\|\||\&\&|\=\=|!\=|\+|then>|else>)'
        \ || getline(lnum) =~# '^\s*if\>' && getline(s:Before(lnum)) =~# '^\s*for\>'
endfunction

" The line of code in front of a line, 0 if there is none.
function s:Before(lnum) abort
  let lnum = prevnonblank(a:lnum - 1)
  while lnum > 0 && getline(lnum) =~# '^\s*#' && !s:StartsInText(lnum)
    let lnum = prevnonblank(lnum - 1)
  endwhile
  return lnum
endfunction

" The first line of the step that a line of operands belongs to, or 0.
function s:Step(lnum) abort
  let lnum = a:lnum
  while s:EndsWithComma(s:Before(lnum))
    let lnum = s:Before(lnum)
  endwhile
  return getline(lnum) =~# '^\s*\%(build\|push\|promote\)\>\s*\h' ? lnum : 0
endfunction

function s:EndsWithComma(lnum) abort
  return getline(a:lnum) =~# ',\s*\%(#.*\)\?$'
endfunction

function CachefileIndent(lnum) abort
  if s:StartsInText(a:lnum)
    return -1
  endif
  let before = s:Before(a:lnum)
  if before == 0
    return 0
  endif
  let step = s:Step(before)
  if step
    let indent = indent(step) + (s:EndsWithComma(before) ? shiftwidth() : 0)
    return indent - (getline(a:lnum) =~# '^\s*[\])}]' ? shiftwidth() : 0)
  endif
  let opened = s:Opened(before)
  " The line on which a string of several lines starts.
  while s:StartsInText(before)
    let before -= 1
  endwhile
  let indent = indent(before)
  if opened > 0
    let indent += shiftwidth()
  endif
  if s:Continues(before) && !s:Continues(a:lnum)
    let indent -= shiftwidth()
  elseif s:Continues(a:lnum) && !s:Continues(before)
    let indent += shiftwidth()
  endif
  if getline(a:lnum) =~# '^\s*[\])}]'
    let indent -= shiftwidth()
  endif
  return max([0, indent])
endfunction

let &cpoptions = s:save_cpo
unlet s:save_cpo
