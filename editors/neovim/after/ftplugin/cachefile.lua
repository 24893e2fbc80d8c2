-- Colours and folds by tree-sitter. Without the parser, those of editors/vim stay.
if pcall(vim.treesitter.start, 0, 'cachefile') then
  vim.opt_local.foldmethod = 'expr'
  vim.opt_local.foldexpr = 'v:lua.vim.treesitter.foldexpr()'
  vim.opt_local.foldlevel = 99
end
