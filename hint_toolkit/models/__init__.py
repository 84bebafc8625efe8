"""Networks: the only room that imports torch, timm and smplx; it never sees truth."""
