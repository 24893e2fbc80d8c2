autocmd BufNewFile,BufRead .cachefile,*.cachefile setfiletype cachefile
