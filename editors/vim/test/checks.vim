" Checks of the files for Vim, sourced by run.vim.

set nomore encoding=utf-8
let &runtimepath = fnamemodify('editors/vim', ':p') . ',' . $VIMRUNTIME
filetype plugin indent on
syntax enable

let g:words = json_decode(join(readfile('editors/words.json')))
let g:checks = 0

function Check(is_right, what) abort
  let g:checks += 1
  if !a:is_right
    call Fail(a:what)
  endif
endfunction

" A buffer with some lines, as if they were read from a file.
function Show(lines) abort
  enew!
  call setline(1, a:lines)
  setfiletype cachefile
endfunction

" The name of the innermost group that is not transparent.
function Group(lnum, col) abort
  let name = substitute(synIDattr(synID(a:lnum, a:col, 1), 'name'), '^cachefile', '', '')
  return get({'StringQuote': 'String', 'TextStart': 'Text', 'TextEnd': 'Text'}, name, name)
endfunction

" Checks the groups of some words of a text, in their order: [word, group], …
function Has(text, ...) abort
  call Show(split(a:text, "\n", 1))
  call cursor(1, 1)
  let flags = 'cW'
  for [word, group] in a:000
    let edge = word =~# '^\w' ? '\<' : ''
    let found = searchpos('\C\V' . edge . escape(word, '\') . (word =~# '\w$' ? '\>' : ''), flags)
    call Check(found != [0, 0], printf('`%s` is not in %s', word, a:text))
    for offset in range(len(word))
      let real = Group(found[0], found[1] + offset)
      call Check(real ==# group, printf('`%s` is %s and not %s in: %s', word, real, group, a:text))
    endfor
    let flags = 'W'
  endfor
endfunction

" ---- Groups

call Has('cachelang 1', ['cachelang', 'Version'], ['1', 'Number'])
call Has('# text "a', ['# text "a', 'Comment'])
call Has('## text', ['## text', 'Doc'])
call Has('let a = 1 # b', ['a', 'ValueName'], ['1', 'Number'], ['# b', 'Comment'])
call Has('# cachelang: allow W0209', ['cachelang: allow', 'Allow'], ['W0209', 'Code'])
call Has('include "a"', ['include', 'Include'], ['"a"', 'String'])
for s:type in g:words.types
  call Has('param a: ' . s:type . ' = b { oneof = [1] }',
        \ ['param', 'Item'], ['a', 'ValueName'], [s:type, 'Type'], ['oneof', 'Attribute'], ['1', 'Number'])
endfor
for s:item in g:words.items
  call Has(s:item . " a {\n}", [s:item, 'Item'], ['a', 'Name'])
endfor
for s:item in g:words.values
  call Has(s:item . ' a = b', [s:item, 'Item'], ['a', 'ValueName'], ['b', 'Word'])
endfor
call Has('image a extends b, c for x in ["d"] {',
      \ ['image', 'Item'], ['a', 'Name'], ['extends', 'Clause'], ['for', 'Repeat'], ['in', 'Repeat'], ['d', 'String'])
for s:name in g:words.attributes
  call Has("image a {\n  " . s:name . " = 1\n}", [s:name, 'Attribute'])
endfor
for s:name in g:words.blocks
  call Has('image a { ' . s:name . ' { from = [] } }', [s:name, 'Inner'], ['from', 'Attribute'])
endfor
call Has('image a { contxt = "." }', ['contxt', 'Key'], ['"."', 'String'])
call Has('image a { args = { context = b } }', ['args', 'Attribute'], ['context', 'MapKey'], ['b', 'Word'])
call Has('image a { when = b == true }', ['when', 'Attribute'], ['==', 'Operator'], ['true', 'Boolean'])
for s:step in g:words.steps
  for s:before in ['{ ', '{', "{\n  ", '{ build a; ']
    call Has('wave w ' . s:before . s:step . " \"x\"\n}", ['w', 'Name'], [s:step, 'Step'], ['"x"', 'String'])
  endfor
endfor
call Has('wave w { promote a to app:b, app:"to" }', ['promote', 'Step'], ['to', 'To'], ['app:', 'Tag'], ['to', 'String'])
call Has('image a { to = [] }', ['to', 'Attribute'])
call Has("wave w {\n  pre { run \"a\" }\n  stage b for x in c after d { sh \"f\" }\n  post { build g }\n}",
      \ ['pre', 'Section'], ['run', 'Step'], ['stage', 'Stage'], ['b', 'Name'], ['for', 'Repeat'], ['after', 'Clause'],
      \ ['sh', 'Step'], ['post', 'Section'], ['build', 'Step'])
for s:unit in g:words.durations + g:words.sizes
  call Has('let a = 15' . s:unit, ['15' . s:unit, 'Number'])
endfor
for s:wrong in ['3.10', '5min', '1_000', '64mb']
  call Has('let a = ' . s:wrong, [s:wrong, 'Malformed'])
endfor
for s:escape in ['\n', '\t', '\"', '\\', '\$', '\u{1f680}']
  call Has('let a = "b' . s:escape . '"', ['"b', 'String'], [s:escape, 'Escape'])
endfor
call Has('let a = "\x"', ['\x', 'BadEscape'])
call Has('let a = "b ${join(c, ",")} $d"',
      \ ['${', 'HoleBrace'], ['join', 'Function'], ['","', 'String'], ['}', 'HoleBrace'], ['$d', 'String'])
call Has("let a = \"\"\"\n  \"b\" # c\n  ${d\n  }\n  \"\"\"\nlet e = 1",
      \ ['"b" # c', 'Text'], ['d', 'Word'], ['}', 'HoleBrace'], ['let', 'Item'])
call Has("let a = \"b ${c\nlet d = 1", ['let', 'Item'], ['d', 'ValueName'])
call Has("image a {\n  tags = [f(\nimage b {\n  context = c\n}", ['image', 'Item'], ['image', 'Item'], ['b', 'Name'],
      \ ['context', 'Attribute'])
for s:name in g:words.functions
  call Has('let a = ' . s:name . '("b")', [s:name, 'Function'])
endfor
for s:name in g:words.git
  call Has('let a = git.' . s:name, ['git', 'Object'], [s:name, 'Git'])
endfor
for s:name in g:words.caches
  call Has('let a = cache.' . s:name . '(mode = b)', ['cache', 'Object'], [s:name, 'Cache'], ['mode', 'Argument'])
endfor
call Has('let a = if !b then c.if else d', ['if', 'Conditional'], ['!', 'Operator'], ['then', 'Conditional'],
      \ ['if', 'Field'], ['else', 'Conditional'])
call Has("let a = 'b'", ["'", 'Quote'])

" ---- Whole files

" The golden inputs that the parser has nothing against, and the examples.
let s:valid = glob('examples/*/.cachefile', 0, 1)
for s:file in glob('tests/golden/*/*/in.cachefile', 0, 1)
  let s:found = readfile(fnamemodify(s:file, ':h') . '/out.json')
  if empty(filter(s:found, 'v:val =~# ''"code":"E[01]'' && v:val =~# ''"file":".cachefile"'''))
    call add(s:valid, s:file)
  endif
endfor
call Check(len(s:valid) > 40, 'the golden inputs are not where this test looks')

for s:file in s:valid
  execute 'edit!' fnameescape(s:file)
  call Check(&filetype ==# 'cachefile', s:file . ' has no file type')
  for s:lnum in range(1, line('$'))
    for s:col in range(1, len(getline(s:lnum)))
      let s:group = Group(s:lnum, s:col)
      call Check(s:group !~# '\v^%(Malformed|Shell|Quote|BadEscape)$',
            \ printf('%s:%d:%d is %s', s:file, s:lnum, s:col, s:group))
    endfor
  endfor
endfor

" Every golden input, the broken ones too, in bounded time.
let s:start = reltime()
for s:file in glob('tests/golden/*/*/in.cachefile', 0, 1)
  execute 'edit!' fnameescape(s:file)
  for s:lnum in range(1, line('$'))
    call synID(s:lnum, max([1, len(getline(s:lnum))]), 1)
  endfor
endfor
call Check(reltimefloat(reltime(s:start)) < 20, 'highlighting the golden inputs takes too long')

for s:text in ['(', '{', '={', '"${', '"', '"""', '\', 'a.', 'a:', '#', '9', ' ']
  let s:start = reltime()
  call Show(['let a = ' . repeat(s:text, 3000), 'let b = 1'])
  call Check(Group(2, 1) =~# '^\%(Item\|Text\)$' , s:text . ' hides the next item: ' . Group(2, 1))
  call Check(reltimefloat(reltime(s:start)) < 5, s:text . ' takes too long')
endfor

" ---- Indentation

function CheckIndent(name, lines) abort
  call Show(a:lines)
  silent normal! gg=G
  for lnum in range(1, len(a:lines))
    let [found, wanted] = [getline(lnum), a:lines[lnum - 1]]
    call Check(found ==# wanted, printf("%s:%d: indented as\n%s\nand not\n%s", a:name, lnum, found, wanted))
  endfor
endfunction

for s:file in glob('examples/*/.cachefile', 0, 1) + glob('tests/golden/format/good-*/out.txt', 0, 1)
  call CheckIndent(s:file, map(readfile(s:file), 'substitute(v:val, ''\r$'', '''', '''')'))
endfor

call Show([])
call feedkeys("iimage a {\<CR>tags = [\<CR>app:b,\<CR>]\<CR>}\<Esc>", 'xt')
call Check(getline(1, '$') ==# ['image a {', '  tags = [', '    app:b,', '  ]', '}'], 'typed: ' . join(getline(1, '$'), '|'))

" ---- Settings

call Show(['## text'])
call feedkeys("A\<CR>more\<Esc>", 'xt')
call Check(getline(2) ==# '## more', 'a description goes on: ' . getline(2))
call Check(&commentstring ==# '# %s', 'commentstring')
call Check(&formatprg ==# 'cachelang fmt -', 'formatprg')
call Check(&makeprg =~# '^cachelang check', 'makeprg')

if !empty($CACHELANG)
  let s:folder = tempname()
  call mkdir(s:folder)
  let $PATH = fnamemodify($CACHELANG, ':p:h') . ':' . $PATH
  execute 'cd' s:folder
  call writefile(['cachelang 1', 'image a { contxt = "." }', '', 'let b = 1', 'wave c { build d }'], '.cachefile')
  edit! .cachefile
  silent make!
  let s:found = map(getqflist(), '[bufname(v:val.bufnr), v:val.lnum, v:val.col, v:val.type, v:val.nr, v:val.text, v:val.valid]')
  call Check(len(s:found) == 2, 'the quickfix list: ' . string(s:found))
  let s:first = s:found[0]
  call Check(s:first[:4] == ['.cachefile', 2, 11, 'E', 204], 'the first error: ' . string(s:first))
  call Check(s:first[5] =~# '^`image` has no attribute `contxt`.*help: an attribute', 'the first text: ' . string(s:first))
  call Check(s:found[1][:4] == ['.cachefile', 5, 16, 'E', 201], 'the second error: ' . string(s:found[1]))
  call setline(2, 'image a { dockerfile_inline = "FROM scratch" }')
  call setline(5, 'wave c { build a }')
  silent write
  silent make!
  let s:found = map(getqflist(), '[v:val.lnum, v:val.col, v:val.type, v:val.nr]')
  call Check(s:found == [[4, 5, 'W', 209]], 'the warning: ' . string(s:found))
  %delete _
  call setline(1, ['cachelang   1', 'image a {context="."}', 'wave c {', 'build a', '}'])
  silent normal! gggqG
  call Check(getline(1, '$') ==# ['cachelang 1', '', 'image a { context = "." }', '', 'wave c {', '  build a', '}'],
        \ 'formatted: ' . join(getline(1, '$'), '|'))
endif
