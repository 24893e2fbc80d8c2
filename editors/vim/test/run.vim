" Tests of the files for Vim and Neovim, in the root of the repository:
"     vim -Nu NONE -i NONE -n -es -S editors/vim/test/run.vim 2>&1 | cat
" Says what is wrong and exits with 1. With $CACHELANG, the path of the program, :make and gq are tried too.

function Fail(what) abort
  call writefile([a:what], '/dev/stderr', 'a')
  cquit
endfunction

try
  source editors/vim/test/checks.vim
catch
  call Fail(v:exception . ' at ' . v:throwpoint)
endtry
call writefile([printf('%d checks passed, 0 failed', g:checks)], '/dev/stderr', 'a')
qall!
