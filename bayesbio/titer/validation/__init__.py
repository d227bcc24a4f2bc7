"""How a titer model predicts rows and groups it has not seen: PSIS and refits."""
