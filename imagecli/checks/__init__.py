"""What can be known before paying: does this request fit its model?"""
