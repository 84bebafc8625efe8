"""HaMeR (arXiv 2312.05251): a Vision Transformer, a decoder of one token, MANO. On torch, timm and smplx."""
