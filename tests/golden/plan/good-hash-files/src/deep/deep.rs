fn deep() {}
