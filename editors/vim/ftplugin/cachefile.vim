" Settings for files of cachelang.

if exists('b:did_ftplugin')
  finish
endif
let b:did_ftplugin = 1

let s:save_cpo = &cpoptions
set cpoptions&vim

setlocal comments=:##,:# commentstring=#\ %s
setlocal formatoptions-=t formatoptions+=croql
setlocal expandtab shiftwidth=2 softtabstop=2
setlocal formatprg=cachelang\ fmt\ -
setlocal suffixesadd=.cachefile
let &l:include = '^\s*include\>'
let &l:define = '^\s*\%(param\|let\|secret\|registry\|repository\|builder\|template\|image\|stage\)\>'
compiler cachelang

let b:undo_ftplugin = 'setlocal comments< commentstring< formatoptions< expandtab< shiftwidth< softtabstop<'
      \ . ' formatprg< suffixesadd< include< define< makeprg< errorformat<'
      \ . ' | unlet! b:current_compiler'

let &cpoptions = s:save_cpo
unlet s:save_cpo
