" Tests the parser and the queries in Neovim, in the root of the repository; $SITE has the compiled parser.

function Fail(what) abort
  call writefile([a:what], '/dev/stderr', 'a')
  cquit
endfunction

try
  let &runtimepath = fnamemodify('editors/neovim', ':p') . ',' . $SITE . ',' . $VIMRUNTIME
  edit examples/lambda/.cachefile
  lua <<LUA
  local parser = vim.treesitter.get_parser(0, 'cachefile', { injections = { cachefile = '' } })
  local root = parser:parse()[1]:root()
  assert(not root:has_error(), 'the example has an error')
  local get = (vim.treesitter.query and vim.treesitter.query.get) or vim.treesitter.get_query
  local seen = {}
  for _, name in ipairs({ 'highlights', 'folds', 'locals', 'injections' }) do
    assert(get('cachefile', name), name)
  end
  local query = get('cachefile', 'highlights')
  for id, node in query:iter_captures(root, 0, 0, -1) do
    seen[query.captures[id]] = (seen[query.captures[id]] or 0) + 1
  end
  for _, name in ipairs({ 'keyword', 'property', 'string', 'function.builtin', 'comment.documentation', 'module' }) do
    assert(seen[name], 'nothing is ' .. name)
  end
  vim.g.kinds = vim.tbl_count(seen)
LUA
catch
  call Fail(v:exception . ' at ' . v:throwpoint)
endtry
call writefile([printf('%d kinds of captures in the example', g:kinds)], '/dev/stderr', 'a')
qall!
