" :make checks the file with cachelang; what it says goes into the quickfix list.

if exists('current_compiler')
  finish
endif
let current_compiler = 'cachelang'

let s:save_cpo = &cpoptions
set cpoptions&vim

CompilerSet makeprg=cachelang\ check\ --all-errors\ %:S

" error[E0204]: `image` has no attribute `contxt`
"     ╭─[.cachefile:41:3]
"  41 │   contxt = "."
"   help: an attribute with a similar name exists: `context`
CompilerSet errorformat=%Eerror[E%n]:\ %m,
      \%Wwarning[W%n]:\ %m,
      \%C\ %#╭─[%f:%l:%c]%.%#,
      \%+C\ \ help:\ %.%#,
      \%-C\ %.%#,
      \%-Z,
      \%-G%.%#

let &cpoptions = s:save_cpo
unlet s:save_cpo
