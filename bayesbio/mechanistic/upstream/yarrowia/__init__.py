"""Models of Yarrowia lipolytica that makes citrate from oil."""
